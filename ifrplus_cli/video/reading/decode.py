"""Stream a film's frames from ffmpeg, in their own planes, each with its exact time."""

from __future__ import annotations

import queue
import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, NoReturn

import ffmpeg
import numpy as np

from ifrplus_cli.errors import InputError, MediaToolError, StrayError
from ifrplus_cli.frames.fitting import Size, fit
from ifrplus_cli.source import FrameReader
from ifrplus_cli.system import APART
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.ffmpeg import StderrDrain, find_tool
from ifrplus_cli.video.pieces import open_source

# ffmpeg's showinfo filter reports the time of every frame that it passes on, in a time base that it states once.
TIME_BASE = re.compile(r"config in time_base: (\d+)/(\d+)")
FRAME_TIME = re.compile(r"showinfo.* n: *\d+ pts: *(-?\d+|NOPTS) .* sar:(\d+)/(\d+) s:(\d+)x(\d+) ")
# A frame's bytes always come after its line on stderr; the wait only bounds a broken ffmpeg.
LINE_WAIT_S = 30.0
INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")  # containers with an index of their key frames
# Pictures keep times that no two of them share: in units of a rate that ffmpeg guesses, it would report an error.
FINE = "1:1000000"
PACKED = "rgba"  # the one format that is not planar
SEEK_MARGIN = 5  # seconds before a section at which decoding begins, at the latest: the first frames may be broken


def decode(clip: ClipInfo, *, upright: bool = False) -> FrameReader:
    """Start decoding a clip from any kind of source.

    Args:
        upright: whether to turn the picture as the display matrix says, for an output that can't hold one.
    """
    return clip.source.open(clip, upright=upright)


@dataclass(frozen=True)
class _Shown:
    """The report of ffmpeg's showinfo filter on a frame.

    Attributes:
        pts: time in seconds; None if the container states none.
        size: width and height as they come from the decoder.
        aspect: width of a pixel divided by its height; 1 if it is not stated.
    """

    pts: Fraction | None
    size: Size
    aspect: Fraction


@dataclass(frozen=True)
class RawPicture(_Shown):
    """A picture's samples as ffmpeg gives them."""

    data: bytearray


class _FrameTimes(StderrDrain):
    """Reads the times and sizes that showinfo prints."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._shown: queue.SimpleQueue[_Shown | None] = queue.SimpleQueue()
        self._time_base = Fraction(0)
        super().__init__(stream)

    def consume(self, line: str) -> bool:
        if found := FRAME_TIME.search(line):
            pts = None if found[1] == "NOPTS" else int(found[1]) * self._time_base
            across, down, width, height = (int(number) for number in found.groups()[1:])
            aspect = Fraction(across, down) if across and down else Fraction(1)
            self._shown.put(_Shown(pts, (width, height), aspect))
            return True
        if found := TIME_BASE.search(line):
            self._time_base = Fraction(int(found[1]), int(found[2]))
            return True
        return "showinfo" in line

    def finish(self) -> None:
        self._shown.put(None)

    def next(self) -> _Shown:
        """Wait for ffmpeg's report on the next frame, and return it.

        Raises:
            MediaToolError: if ffmpeg ended, or stopped, without one.
        """
        try:
            shown = self._shown.get(timeout=LINE_WAIT_S)
        except queue.Empty:
            shown = None
        if shown is None:
            raise MediaToolError("ffmpeg did not report the time of a frame.", "Try another version of ffmpeg.")
        return shown


class FfmpegDecoder(ABC):
    """Pictures that ffmpeg decodes, with their times; a context manager that leaves no process behind.

    Attributes:
        frames: number of frames read so far.
        repaired_times: number of frames whose time the source does not state.
        size_changes: time in seconds and new (width, height) of each change of size within the film; pictures are
            fitted into the first size.
    """

    def __init__(self, clip: ClipInfo, command: list[str], size: tuple[int, int], *, fed: bool = False) -> None:
        """
        Args:
            size: width and height of the decoded pictures.
            fed: whether ffmpeg reads from the pipe ``_process.stdin``.
        """
        self.clip = clip
        self.width, self.height = size
        self.repaired_times = 0
        self.frames = 0
        self.size_changes: list[tuple[Fraction, Size]] = []
        self._size = size
        self._begin(command, fed=fed)

    def _begin(self, command: list[str], *, fed: bool = False) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            **APART,
        )
        assert self._process.stdout and self._process.stderr
        self._stdout = self._process.stdout
        self._times = _FrameTimes(self._process.stderr)

    def __enter__(self) -> FfmpegDecoder:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop ffmpeg, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._times.join()
        self._stdout.close()

    @property
    def complaints(self) -> int:
        """Number of errors that ffmpeg reported while it decoded."""
        return self._times.complaints

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Iterate over all frames in order of presentation."""

    def _read_picture(self) -> RawPicture | None:
        """Return one raw picture, or None at the end of the film."""
        begin = self._stdout.read(1)  # ffmpeg reports the size before the first byte comes
        if not begin:
            return None
        shown = self._times.next()
        data = bytearray(self.clip.pixel_format.frame_bytes(*shown.size))
        data[:1] = begin
        view, got = memoryview(data), 1
        while got < len(data):
            count = self._stdout.readinto(view[got:])  # type: ignore[attr-defined]
            if not count:
                self._fail()
            got += count
        return RawPicture(shown.pts, shown.size, shown.aspect, data)

    def _frame(self, picture: RawPicture, pts: Fraction) -> Frame:
        """Return the frame of a raw picture; it is shown no earlier than the section begins."""
        self.frames += 1
        section = self.clip.section
        shown = pts if section is None else max(pts, section.begin)
        if picture.size != self._size:
            self.size_changes.append((shown, picture.size))
            self._size = picture.size
        planes = _planes(picture.data, self.clip, *picture.size)
        into = self.width, self.height
        if picture.size == into:
            return Frame(shown, planes)
        aspect, full_range = picture.aspect / self._pixel_aspect, self.clip.colour.range == "pc"
        fitted = fit(planes, picture.size, into, self.clip.pixel_format, aspect=aspect, full_range=full_range)
        return Frame(shown, fitted, source_size=picture.size)

    @property
    def _pixel_aspect(self) -> Fraction:
        """Width of a pixel of the first size, as it is decoded, divided by its height."""
        aspect = self.clip.sample_aspect or Fraction(1)
        return aspect if (self.width, self.height) == (self.clip.width, self.clip.height) else 1 / aspect

    def _check_exit(self) -> None:
        if self._process.wait() != 0:
            self._fail()

    def _fail(self) -> NoReturn:
        reason = self._times.reason(self._process.wait())
        raise MediaToolError(
            f"ffmpeg stopped decoding {self.clip.path.name} after {self.frames} frames: {reason}.",
            "Play the file to its end to see whether it is damaged.",
        )


class FilmDecoder(FfmpegDecoder):
    """Iterates over the frames of a file that ffmpeg opens.

    Times strictly increase. A frame whose time is missing or not after its predecessor's is shown one nominal frame
    time after it, and counted in ``repaired_times``.
    """

    def __init__(self, clip: ClipInfo, *, upright: bool = False) -> None:
        """
        Args:
            upright: let ffmpeg turn the picture as the display matrix says, for an output that can't hold one.
        """
        size = clip.upright_size if upright else (clip.width, clip.height)
        self._upright, self._sought = upright, seek_options(clip)
        super().__init__(clip, raw_command(clip, _film_input(clip, upright, self._sought)), size)

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over all frames in order of presentation.

        Raises:
            InputError: if not a single frame can be decoded.
            MediaToolError: if ffmpeg fails or dies on the way.
        """
        yield from self._read()
        if not self.frames and self._sought:
            self._begin_again()
            yield from self._read()
        if not self.frames:
            self._process.kill()  # it may still be writing frames, which nobody reads
            raise InputError(
                f"No frame of {self.clip.path.name} can be decoded: {self._times.reason()}.", "Use an undamaged copy."
            )

    def _read(self) -> Iterator[Frame]:
        """Yield the frames of the section; none if reading began too late for them."""
        last: Fraction | None = None
        shift, section, position = Fraction(0), self.clip.section, 0
        while (picture := self._read_picture()) is not None:
            pts = picture.pts
            if last is None and self._is_too_late(pts):
                return
            if last is None and pts is not None and self.clip.decode_times_only:
                shift = self._film_start - pts
            pts = None if pts is None else pts + shift
            if pts is None or (last is not None and pts <= last):
                pts = self._next_nominal(last)
                self.repaired_times += 1
            if is_decimated(self.clip):  # ffmpeg rounds the times of frames that it has decimated
                pts = self._film_start + position / self.clip.rate
            position += 1
            last = pts
            if section is not None and pts < section.first:
                continue
            if section is not None and section.counted and not self.frames and position - 1 != section.number:
                raise StrayError(f"{self.clip.path.name} has {position - 1} frames before frame {section.number}.")
            if section is not None and pts >= section.end:
                break
            yield self._frame(picture, pts)
        else:
            self._check_exit()

    def _is_too_late(self, pts: Fraction | None) -> bool:
        """Return whether reading began behind the last key frame before the section, as in MPEG-TS it may."""
        section = self.clip.section
        return bool(self._sought) and section is not None and pts is not None and pts > section.first

    def _begin_again(self) -> None:
        """Read the film from its start."""
        self.close()
        self._sought = {}
        self._begin(raw_command(self.clip, _film_input(self.clip, self._upright, self._sought)))

    @property
    def _film_start(self) -> Fraction:
        return self.clip.start if self.clip.section is None else self.clip.section.film_start

    def _next_nominal(self, last: Fraction | None) -> Fraction:
        return self._film_start if last is None else last + 1 / self.clip.rate


def is_decimated(clip: ClipInfo) -> bool:
    """Return whether ffmpeg drops frames while it decodes: then all are needed, and are counted from the first one."""
    return clip.deinterlace is not None and "decimate" in clip.deinterlace


def decodes_from_start(clip: ClipInfo) -> bool:
    """Return whether a section can be decoded only together with everything before it."""
    return clip.decode_times_only or is_decimated(clip)


def seeks_exactly(clip: ClipInfo) -> bool:
    """Return whether decoding can begin anywhere in the film with no frame lacking or broken: it has an index."""
    if not clip.source.has_streams:
        return True  # numbered images, and what is read like them
    return clip.container in INDEXED and clip.source.is_video and not clip.pieces and not decodes_from_start(clip)


def _film_input(clip: ClipInfo, upright: bool, sought: dict[str, object]) -> Any:
    """Return the file as an input of ffmpeg-python, read from where the options ``sought`` say."""
    options: dict[str, object] = {} if upright else {"noautorotate": None}
    if clip.decoder:
        options["c:v"] = clip.decoder
    return open_source(clip, copyts=None, nostdin=None, **options, **sought)


def seek_options(clip: ClipInfo) -> dict[str, object]:
    """Return ffmpeg's options for the input by which reading begins shortly before the section, if it can."""
    section = clip.section
    if section is None or section.counted or section.piece or decodes_from_start(clip) or section.first <= SEEK_MARGIN:
        return {}
    return {
        "noaccurate_seek": None,
        "seek_timestamp": 1,
        "ss": f"{float(section.first - SEEK_MARGIN):.6f}",
    }


def raw_command(clip: ClipInfo, source: Any, turn: str | None = None) -> list[str]:
    """Return the command that writes raw pictures to its output, and reports their times on its stderr.

    Args:
        source: an input of ffmpeg-python.
        turn: filters that turn them upright.
    """
    chain = [clip.deinterlace, turn, "showinfo=checksum=0"]
    picture = source[str(clip.stream_index)]
    stream = ffmpeg.output(
        picture,
        "pipe:1",
        vf=",".join(step for step in chain if step),
        format="rawvideo",
        pix_fmt=clip.decode_format,
        fps_mode="passthrough",
        enc_time_base=FINE,
        noautoscale=None,  # pictures keep their own size where it changes within the film
    ).global_args("-hide_banner", "-loglevel", "repeat+level+info")
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return command


def _planes(data: bytearray, clip: ClipInfo, width: int, height: int) -> tuple[np.ndarray, ...]:
    samples = np.frombuffer(data, clip.pixel_format.dtype)
    if clip.decode_format == PACKED:
        red, green, blue, alpha = np.ascontiguousarray(samples.reshape(-1, 4).T).reshape(4, height, width)
        return green, blue, red, alpha
    planes, start = [], 0
    for rows, columns in clip.pixel_format.plane_shapes(width, height):
        planes.append(samples[start : start + rows * columns].reshape(rows, columns))
        start += rows * columns
    return tuple(planes)
