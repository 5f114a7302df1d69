"""Write frames with exact times, and everything else of the film, into one finished file with ffmpeg."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import numpy as np

from ifrplus_cli.errors import OutputError
from ifrplus_cli.system import APART
from ifrplus_cli.values import Frame, Plane
from ifrplus_cli.video.ffmpeg import StderrDrain
from ifrplus_cli.video.formats.containers import check_pace
from ifrplus_cli.video.formats.raw_matroska import frame_header, raw_planes, stream_header
from ifrplus_cli.video.writing.encode_command import Picture, encoded_picture, joined_picture
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.recipes import segment
from ifrplus_cli.video.writing.target import Recipe

# Messages about a full disk, an exhausted quota, or a file that can't grow any further.
NO_ROOM = ("No space left", "Disk quota exceeded", "File too large", "SIGXFSZ")
# Messages about a codec that the container can't hold.
NOT_HELD = ("supported in container", "only supported in", "are supported for", "muxing is currently not supported")


class VideoEncoder:
    """Writes one file; a context manager that leaves no process behind."""

    def __init__(self, plan: EncodePlan, path: Path, *, segment_of: Fraction | None = None) -> None:
        """
        Args:
            segment_of: time of the first frame of the whole film, in seconds, if the file is a segment of it: the
                picture alone, with times counted from there, in a container that keeps them exactly.
        """
        self.plan = plan
        self._segment_of = segment_of
        self._zero = plan.origin if segment_of is None else segment_of
        self._lead: int | None = None
        self._last: Fraction | None = None
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._folders = ExitStack()
        self._recipe: Recipe

    def __enter__(self) -> VideoEncoder:
        return self

    def __exit__(self, *exc: object) -> None:
        self._folders.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close_input()

    def write(self, frame: Frame) -> None:
        """Append one frame; its samples reach the encoder unchanged.

        Raises:
            OutputError: if ffmpeg has ended, or the frame is too close to the one before for the container.
        """
        if self._process is None:
            self._start(frame.pts)
        assert self._process is not None and self._process.stdin is not None and self._lead is not None
        if self._last is not None:
            check_pace(self.plan.container, frame.pts - self._last)
        self._last = frame.pts
        planes = raw_planes([self._stored(plane) for plane in frame.planes], self.plan.raw_format)
        pts = frame.pts - self._zero + self._lead
        try:
            self._process.stdin.write(frame_header(pts, sum(plane.nbytes for plane in planes)))
            for plane in planes:
                self._process.stdin.write(plane.data)
        except (BrokenPipeError, ConnectionResetError):
            self._fail()

    def join(self, script: Path, start: Fraction, last: Fraction) -> None:
        """Write the film from segments of its picture, which are copied as they are.

        Args:
            script: a concat script of the segments, in their folder.
            start, last: times of the first and the last frame, in seconds.

        Raises:
            OutputError: if ffmpeg fails.
        """
        self._last = last
        self._begin(joined_picture(self.plan, script, start), folder=script.parent)
        self.finish()

    def finish(self) -> None:
        """End the film and wait for the file.

        Raises:
            OutputError: if ffmpeg fails.
        """
        self._wait()
        assert self._last is not None
        self._recipe.finish(self._last - self._zero, self._run)

    def _run(self, command: list[str]) -> None:
        self._launch(command)
        self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        self._close_input()
        # ffmpeg reports success if the disk fills up while it writes the end of the file.
        if self._process.wait() != 0 or _means_no_room(self._drain.reason()):
            self._fail()

    def _start(self, first: Fraction) -> None:
        start = first - self._zero
        # Matroska has no negative times: whole seconds are added here, and ffmpeg subtracts them again.
        self._lead = max(0, -(start.numerator // start.denominator))
        process = self._begin(encoded_picture(self.plan, self._lead))
        plan = self.plan
        size = plan.stored_width, plan.stored_height
        header = stream_header(
            plan.raw_format, *size, plan.timing.rate, plan.clip.light, plan.clip.description.projection
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # writing the first frame reports the reason
            process.stdin.write(header)

    def _begin(self, picture: Picture, folder: Path | None = None) -> subprocess.Popen[bytes]:
        """Start the recipe's ffmpeg command on a picture, in ``folder`` or else in the recipe's own."""
        is_whole = self._segment_of is None
        plan, path = self.plan, self._path
        self._recipe = plan.target.recipe(plan, path, self._folders) if is_whole else segment(plan, path)
        return self._launch(self._recipe.command(picture), folder or self._recipe.folder)

    def _launch(self, command: list[str], folder: Path | None = None) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **APART,
        )
        assert self._process.stderr
        self._drain = StderrDrain(self._process.stderr)
        return self._process

    def _stored(self, plane: Plane) -> Plane:
        """Return the plane, with its last column and row repeated if the stored picture is larger."""
        below, right = self.plan.stored_height - self.plan.height, self.plan.stored_width - self.plan.width
        if (below, right) == (0, 0) or plane.shape != (self.plan.height, self.plan.width):
            return plane
        return np.pad(plane, ((0, below), (0, right)), mode="edge")

    def _close_input(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):  # ffmpeg has ended; its exit code and its messages say why
            self._process.stdin.close()

    def _fail(self) -> NoReturn:
        assert self._process is not None
        self._close_input()
        exit_code = self._process.wait()
        reason = self._drain.reason(exit_code)
        if _means_no_room(reason):
            raise OutputError("The disk is full.", f"Free some space for {self._path.parent} and run again.")
        if exit_code < 0:
            raise OutputError(f"ffmpeg stopped writing the film: {reason}.", "Memory or disk space may have run out.")
        raise OutputError(
            f"ffmpeg could not encode with {self.plan.codec}: {reason}.",
            f"Use .mkv for the output, or another --codec: this kind of file can't hold {self.plan.codec} video."
            if _means_not_held(reason)
            else "Check --codec, --preset, --crf, --pix-fmt and --encoder-arg.",
        )


def _means_no_room(reason: str) -> bool:
    return any(text in reason for text in NO_ROOM)


def _means_not_held(reason: str) -> bool:
    """Return whether the reason is that the container can't hold the codec."""
    return any(text in reason for text in NOT_HELD)
