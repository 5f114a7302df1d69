"""Measure VMAF with ffmpeg's libvmaf, if the installed ffmpeg has it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ffmpeg

from ifrplus_cli.system import APART
from ifrplus_cli.values import ClipInfo, Plane
from ifrplus_cli.video.ffmpeg import StderrDrain, find_tool

LOG = "vmaf.json"
MODEL = "vmaf_v0.6.1"  # libvmaf's default, for a screen of 1920x1080 at a distance of three heights


def why_no_vmaf() -> str | None:
    """Return why the installed ffmpeg can't measure VMAF; None if it can.

    Raises:
        MediaToolError: if there is no ffmpeg.
    """
    command = [find_tool("ffmpeg"), "-hide_banner", "-h", "filter=libvmaf"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    has_filter = "Filter libvmaf" in done.stdout
    return None if has_filter else "the installed ffmpeg has no filter libvmaf"


class VmafMeter:
    """Compares two films that are written frame by frame; a context manager that leaves no process behind.

    Both films go through one pipe, their frames alternating: two pipes could wait for each other.
    """

    def __init__(self, clip: ClipInfo) -> None:
        """
        Args:
            clip: the clip whose pixel format and upright size both films have.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="ifrplus-")
        self._process = subprocess.Popen(
            _command(clip),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self._folder.name,
            **APART,
        )
        assert self._process.stdin and self._process.stderr
        self._stdin = self._process.stdin
        self._drain = StderrDrain(self._process.stderr)
        self._broken = False
        self._written = 0

    def __enter__(self) -> VmafMeter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        self._drain.join()
        self._close()
        self._folder.cleanup()

    def write(self, true: Sequence[Plane], made: Sequence[Plane]) -> None:
        """Write one frame of each film; after a failure of ffmpeg, which ``scores`` reports, do nothing."""
        self._written += 1
        try:
            for plane in (*true, *made):
                if not self._broken:
                    self._stdin.write(plane.tobytes())
        except BrokenPipeError:
            self._broken = True

    def scores(self) -> tuple[list[float], str | None]:
        """Return the VMAF of each frame that was written, and None; or no figures, and the reason."""
        self._close()
        code = self._process.wait()
        log = Path(self._folder.name, LOG)
        if code or not log.is_file():
            return [], f"ffmpeg's libvmaf failed: {self._drain.reason(code)}"
        scores = [frame["metrics"]["vmaf"] for frame in json.loads(log.read_text("utf-8"))["frames"]]
        if len(scores) != self._written:
            return [], f"ffmpeg's libvmaf returned {len(scores)} figures for {self._written} frames"
        return scores, None

    def _close(self) -> None:
        try:
            self._stdin.close()
        except BrokenPipeError:
            self._broken = True


def _command(clip: ClipInfo) -> list[str]:
    raw = {"format": "rawvideo", "pixel_format": clip.pixel_format.name, "video_size": clip.upright_size}
    both = ffmpeg.input("pipe:0", **raw).filter_multi_output("split")
    even = both[0].filter("select", "not(mod(n,2))").filter("setpts", "N")
    odd = both[1].filter("select", "mod(n,2)").filter("setpts", "N")
    compared = ffmpeg.filter([odd, even], "libvmaf", log_path=LOG, log_fmt="json")
    stream = ffmpeg.output(compared, "-", format="null")
    command: list[str] = ffmpeg.compile(
        stream.global_args("-hide_banner", "-loglevel", "repeat+level+warning"), cmd=find_tool("ffmpeg")
    )
    return command
