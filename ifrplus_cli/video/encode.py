"""Frames with exact times, and everything else of the film, into one finished file with ffmpeg."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import ffmpeg
import numpy as np

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import ClipInfo, Frame, Plane, StreamInfo
from ifrplus_cli.video.containers import GIF, MILLISECOND, WEBP
from ifrplus_cli.video.encode_command import (
    Picture,
    encoded_picture,
    film_command,
    gif_command,
    joined_picture,
    palette_command,
    picture_command,
    segment_command,
)
from ifrplus_cli.video.encode_plan import EncodePlan, check_pace
from ifrplus_cli.video.ffmpeg import SOURCE_LIMITS, StderrDrain, find_tool, source_url
from ifrplus_cli.video.image_formats import muxer_options
from ifrplus_cli.video.raw_matroska import frame_header, raw_planes, stream_header
from ifrplus_cli.video.retime import chapter_list, retimed_text
from ifrplus_cli.video.stream_mapping import ATTACHED, COVER_TYPES, TEXT_SUBTITLES, is_retimed_text
from ifrplus_cli.video.webp import is_webp_animation, set_duration

# What the system says of a disk, a quota or a file that can grow no further.
NO_ROOM = ("No space left", "Disk quota exceeded", "File too large", "SIGXFSZ")
NOT_HELD = ("supported in container", "only supported in", "are supported for", "muxing is currently not supported")


class Encoder:
    """Writes one file; a context manager that leaves no process behind."""

    def __init__(self, plan: EncodePlan, path: Path, *, segment_of: Fraction | None = None) -> None:
        """
        Args:
            segment_of: when the first frame of the whole film is shown, if the file is to be a segment of it: the
                picture alone, at times counted from there, in a container that keeps them exactly.
        """
        self.plan = plan
        self._segment_of = segment_of
        self._zero = plan.origin if segment_of is None else segment_of
        self._lead: int | None = None
        self._last: Fraction | None = None
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._folders = ExitStack()
        self._drawn: Path | None = None  # the picture of a GIF before it has its palette

    def __enter__(self) -> Encoder:
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
            OutputError: if ffmpeg has ended, or the container can't tell the frame from the last one.
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

    def join(self, script: Path, start: Fraction) -> None:
        """Write the film from segments of its picture, which are copied as they are.

        Args:
            script: a concat script that names them, beside them.
            start: when the first frame is shown, in seconds.

        Raises:
            OutputError: if ffmpeg fails.
        """
        picture = joined_picture(self.plan, script, start)
        if self.plan.is_alone:
            command = picture_command(self.plan, f"file:{self._path.absolute()}", picture)
        else:
            command = film_command(self.plan, self._path, picture, self._covers(), self._retimed())
        self._launch(command, folder=script.parent)
        self.finish()

    def finish(self) -> None:
        """End the film and wait for the file.

        Raises:
            OutputError: if ffmpeg fails.
        """
        self._wait()
        if self._drawn is not None:
            self._draw_gif(self._drawn)
        if self.plan.container is WEBP:
            if not is_webp_animation(self._path):
                raise OutputError("All frames are alike: as WebP they would be one image.", "Write to .gif or .apng.")
            assert self._last is not None
            end = self._last - self._zero + self.plan.timing.last_duration
            set_duration(self._path, round(end / MILLISECOND))

    def _draw_gif(self, drawn: Path) -> None:
        """Choose the colours that suit all frames, and draw them with these."""
        palette = drawn.with_name("palette.png")
        assert self._last is not None
        options = muxer_options(GIF, self.plan.clip, self.plan.timing, self._last - self._zero)
        for command in (palette_command(drawn, palette), gif_command(drawn, palette, self._path, options)):
            self._launch(command)
            self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        self._close_input()
        # ffmpeg calls it a success when the disk fills up while it writes the end of the file.
        if self._process.wait() != 0 or _tells_no_room(self._drain.reason()):
            self._fail()

    def _start(self, first: Fraction) -> None:
        start = first - self._zero
        # Matroska has no negative times: whole seconds are added here and taken off again by ffmpeg.
        self._lead = max(0, -(start.numerator // start.denominator))
        picture = encoded_picture(self.plan, self._lead)
        if self._segment_of is not None:
            process = self._launch(segment_command(self.plan, self._path, picture))
        elif self.plan.is_alone:
            process = self._start_alone(picture)
        else:
            process = self._launch(film_command(self.plan, self._path, picture, self._covers(), self._retimed()))
        plan = self.plan
        size = plan.stored_width, plan.stored_height
        header = stream_header(plan.raw_format, *size, plan.timing.rate, plan.clip.light)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the first frame finds out why
            process.stdin.write(header)

    def _start_alone(self, picture: Picture) -> subprocess.Popen[bytes]:
        """A file, or a folder of images, that the picture has for itself."""
        if self.plan.image_names is not None:
            return self._launch(picture_command(self.plan, f"./{self.plan.image_names}", picture), folder=self._path)
        if self.plan.container is not GIF:
            return self._launch(picture_command(self.plan, f"file:{self._path.absolute()}", picture))
        folder = tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=self._path.parent)
        self._drawn = Path(self._folders.enter_context(folder)) / "drawn.mkv"
        return self._launch(picture_command(self.plan, f"file:{self._drawn.absolute()}", picture))

    def _launch(self, command: list[str], folder: Path | None = None) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stderr
        self._drain = StderrDrain(self._process.stderr)
        return self._process

    def _covers(self) -> list[str]:
        """Write cover art that is to be attached into a folder of its own; returns ffmpeg's options that attach it."""
        covers = [(n, c) for n, c in enumerate(self.plan.carried, start=1) if c.codec == ATTACHED]
        if not covers:
            return []
        folder = Path(self._folders.enter_context(tempfile.TemporaryDirectory(prefix="ifrplus-")))
        options: list[str] = []
        for n, cover in covers:
            ending, mime_type = COVER_TYPES[cover.stream.codec]
            path = folder / f"cover{'' if not options else n}.{ending}"
            path.write_bytes(_extract(self.plan.clip, cover.stream))
            options += ["-attach", str(path), f"-metadata:s:{n}", f"mimetype={mime_type}"]
        return options

    def _retimed(self) -> dict[str, Path]:
        """Files with other times in place of the source's chapters, and of its text subtitles by stream index."""
        plan, files = self.plan, {}
        texts = [c.stream for c in plan.carried if is_retimed_text(c, plan.retiming)]
        if not plan.retiming.changes or not (texts or plan.clip.chapters):
            return {}
        folder = Path(self._folders.enter_context(tempfile.TemporaryDirectory(prefix="ifrplus-")))
        for stream in texts:
            path = files[str(stream.index)] = folder / f"{stream.index}.{TEXT_SUBTITLES[stream.codec]}"
            path.write_text(retimed_text(_subtitle_text(plan.clip, stream), plan.retiming), encoding="utf-8")
        if plan.clip.chapters:
            path = files["chapters"] = folder / "chapters.ffmetadata"
            path.write_text(chapter_list(plan.clip.chapters, plan.retiming), encoding="utf-8")
        return files

    def _stored(self, plane: Plane) -> Plane:
        """The plane with its last column and row repeated where the stored picture is larger."""
        below, right = self.plan.stored_height - self.plan.height, self.plan.stored_width - self.plan.width
        if (below, right) == (0, 0) or plane.shape != (self.plan.height, self.plan.width):
            return plane
        return np.pad(plane, ((0, below), (0, right)), mode="edge")

    def _close_input(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):  # ffmpeg has ended; its exit code and its words tell why
            self._process.stdin.close()

    def _fail(self) -> NoReturn:
        assert self._process is not None
        self._close_input()
        exit_code = self._process.wait()
        reason = self._drain.reason(exit_code)
        if _tells_no_room(reason):
            raise OutputError("The disk is full.", f"Free some space for {self._path.parent} and run again.")
        if exit_code < 0:
            raise OutputError(f"ffmpeg stopped writing the film: {reason}.", "Memory or disk space may have run out.")
        raise OutputError(
            f"ffmpeg could not encode with {self.plan.codec}: {reason}.",
            f"Name the output .mkv or change --codec: a file of that kind can't hold what {self.plan.codec} makes."
            if _tells_not_held(reason)
            else "Check --codec, --preset, --crf, --pix-fmt and --encoder-arg.",
        )


def _tells_no_room(reason: str) -> bool:
    return any(said in reason for said in NO_ROOM)


def _tells_not_held(reason: str) -> bool:
    """Whether the container can't hold the codec."""
    return any(said in reason for said in NOT_HELD)


def _extract(clip: ClipInfo, stream: StreamInfo) -> bytes:
    """The content of cover art as a file of its own."""
    source = ffmpeg.input(source_url(clip.path), **SOURCE_LIMITS)
    output = ffmpeg.output(source[str(stream.index)], "pipe:1", format="image2pipe", c="copy")
    command = ffmpeg.compile(output.global_args("-nostdin", "-loglevel", "quiet"), cmd=find_tool("ffmpeg"))
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False).stdout


def _subtitle_text(clip: ClipInfo, stream: StreamInfo) -> str:
    """Text subtitles as a file of their own, at their times in the source."""
    source = ffmpeg.input(source_url(clip.path), **SOURCE_LIMITS)
    output = ffmpeg.output(source[str(stream.index)], "pipe:1", format=TEXT_SUBTITLES[stream.codec])
    command = ffmpeg.compile(output.global_args("-nostdin", "-copyts", "-loglevel", "quiet"), cmd=find_tool("ffmpeg"))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode("utf-8", "replace")
