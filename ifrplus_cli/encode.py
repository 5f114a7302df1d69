"""Frames with exact times, and everything else of the film, into one finished file with ffmpeg."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import ffmpeg
import numpy as np

from ifrplus_cli.animation import is_webp_animation, set_duration
from ifrplus_cli.containers import GIF, MILLISECOND, MKV, WEBP, Container, container_for
from ifrplus_cli.drain import StderrDrain
from ifrplus_cli.drawn import (
    conversion,
    converts,
    film_format,
    has_alpha,
    image_format,
    image_options,
    is_rgb,
    muxer_options,
    stored_colour,
)
from ifrplus_cli.errors import MediaToolError, OutputError
from ifrplus_cli.hdr import check_shown_alone, is_hdr, light_notes, light_options
from ifrplus_cli.media import (
    PIXEL_FORMATS,
    RICHNESS,
    Chroma,
    ClipInfo,
    ColourTags,
    Frame,
    LightInfo,
    PixelFormat,
    Plane,
    StreamInfo,
    Timing,
    named,
)
from ifrplus_cli.probe import INSTALL_HINT, SOURCE_LIMITS, find_tool, source_url, upright_size
from ifrplus_cli.purpose import settings_for
from ifrplus_cli.rawvideo import frame_header, raw_planes, stream_header
from ifrplus_cli.retime import LEAD, Retiming, chapter_list, is_lossless, kept_packets, retimed_text, sound_filter

# Constant quality that hides no detail, for encoders that have it.
DEFAULT_CRF = {"libx264": 16.0, "libx264rgb": 16.0, "libx265": 18.0, "libsvtav1": 24.0, "libvpx-vp9": 24.0}
# Encoders that need hardware, by the ends of their names, and quality of about the same kind.
HARDWARE_QUALITY = {"_nvenc": (("cq", "19"), ("b", "0")), "_qsv": (("global_quality", "20"),)}
HARDWARE = (*HARDWARE_QUALITY, "_vaapi", "_v4l2m2m", "_omx", "_amf", "_videotoolbox")
DEFAULT_PRESET = {"libx264": "medium", "libx264rgb": "medium", "libx265": "medium", "libsvtav1": "8"}
# Encoders that take odd widths and heights with subsampled chroma.
TAKES_ODD_SIZES = {"ffv1", "ffvhuff", "huffyuv", "libvpx", "libvpx-vp9", "libaom-av1", "mjpeg", "png", "rawvideo"}
# Matrices that VP9's own header, which players believe rather than the container, has no number for.
NOT_IN_VP9 = {"fcc", "ycgco", "bt2020c"}
# The one of them that a known one is next to.
CONVERTED_MATRIX = {"fcc": "smpte170m"}
# Transport streams count from wherever the transmitter's clock stood; their times say nothing about the film.
ARBITRARY_ORIGIN = {"mpegts", "mpeg"}
# Formats of ffmpeg's that hold the samples of a planar one.
PACKED = {
    "gbrp": ("bgr0", "bgr24", "rgb24", "0rgb"),
    "gbrap": ("bgra", "rgba", "argb"),
    "gbrp16le": ("rgb48le", "rgb48be"),
    "gbrap16le": ("rgba64le", "rgba64be"),
}
# Maps nothing, but keeps the source among ffmpeg's inputs: titles and chapters come from it.
NO_STREAM = "v:999?"
# What the system says of a disk, a quota or a file that can grow no further.
NO_ROOM = ("No space left", "Disk quota exceeded", "File too large", "SIGXFSZ")
ATTACHED = "attached"  # cover art that becomes an attachment
COVER_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png"), "gif": ("gif", "image/gif")}
# What a program wrote about the source's own video stream: its encoder, and mkvmerge's statistics.
STATISTICS = ("BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "SOURCE_ID", "_STATISTICS_TAGS")
_QUIETLY = ("-hide_banner", "-nostdin", "-y", "-copyts", "-loglevel", "repeat+level+warning")
STALE_TAGS = ("encoder", *STATISTICS, *(f"{name}-eng" for name in STATISTICS))


# Sound that ffmpeg lets begin with a packet even where an edit list says otherwise.
BEGINS_WITH_PACKET = {"vorbis"}
# Subtitles that are text, and the format that they are written in when their times change.
TEXT_SUBTITLES = {"ass": "ass", "ssa": "ass", "subrip": "srt", "mov_text": "srt", "webvtt": "srt", "text": "srt"}


@dataclass(frozen=True)
class EncodeOptions:
    """What a person may say about encoding; None leaves the choice to the program.

    Attributes:
        sound: what becomes of it in a film that is slowed down: ``stretch``, ``keep`` or ``drop``.
        purpose: one of ``PURPOSES``, whose settings fill what is left open.
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    encoder_args: tuple[tuple[str, str], ...] = ()
    sound: str = "stretch"
    purpose: str | None = None


@dataclass(frozen=True)
class Carried:
    """A stream taken along: ``codec`` is ``copy``, the encoder it goes through, or ``ATTACHED``."""

    stream: StreamInfo
    codec: str


@dataclass(frozen=True)
class EncodePlan:
    """All that is decided before the first frame is written.

    Attributes:
        width, height: of the frames that will be written.
        stored_width, stored_height: of the picture in the file: one more where the encoder needs even sizes.
        upright: frames come turned as the display matrix says, since the container can't hold one.
        colour: of the picture in the file.
        image_names: pattern of the images' names in the folder that is written, None for a file.
        origin: seconds taken off every time.
        stretch: how much longer everything lasts than in the source.
        notes: sentences a person should read.
    """

    clip: ClipInfo
    container: Container
    codec: str
    encoder_options: tuple[tuple[str, str], ...]
    pix_fmt: str
    width: int
    height: int
    stored_width: int
    stored_height: int
    upright: bool
    colour: ColourTags
    image_names: str | None
    timing: Timing
    origin: Fraction
    stretch: Fraction
    stretches_sound: bool
    carried: tuple[Carried, ...]
    notes: tuple[str, ...]

    @property
    def raw_format(self) -> PixelFormat:
        """Of the frames that are written: the clip's, without alpha where it can't be stored."""
        own = self.clip.pixel_format
        return own if has_alpha(self.pix_fmt) else own.opaque

    @property
    def is_alone(self) -> bool:
        """Whether the picture is all there is."""
        return self.clip.stills is not None or not self.container.is_film

    @property
    def retiming(self) -> Retiming:
        """What becomes of the times of all streams but the picture."""
        section = self.clip.section
        if section is None:
            return Retiming(self.origin, stretch=self.stretch)
        return Retiming(self.origin, section.cuts_start, section.end, self.stretch)

    def begins_within_packet(self, carried: Carried) -> bool:
        """Whether copied sound begins between two samples of a packet: what comes before is stored, but not heard."""
        stream = carried.stream
        return (
            self.retiming.cuts_start
            and self.container.hides_lead
            and (carried.codec, stream.kind) == ("copy", "audio")
            and stream.codec not in BEGINS_WITH_PACKET
        )


def plan_encode(
    clip: ClipInfo,
    output: Path,
    options: EncodeOptions,
    timing: Timing,
    stretch: Fraction = Fraction(1),
    image_names: str | None = None,
) -> EncodePlan:
    """Choose encoder, pixel format and what becomes of every other stream.

    Args:
        stretch: how much longer the output lasts than the clip.
        image_names: pattern of the images' names where the output is a folder of them.

    Raises:
        OutputError: for an unknown extension, encoder or pixel format.
        MediaToolError: if ffmpeg is missing.
    """
    name = output if image_names is None else Path(image_names)
    container = container_for(name, images=image_names is not None)
    check_shown_alone(clip)
    options = _with_purpose(options, clip, name, clip.duration * stretch)
    _check_pace(container, 1 / timing.rate)
    origin = origin_of(clip, stretch)
    notes: list[str] = []
    if not container.is_film:
        origin += (clip.start - origin) * stretch  # there is no sound that may come first
        timing = replace(timing, time_base=container.unit or timing.time_base)
        notes += _lost_notes(clip, container)
        clip = replace(clip, streams=(), chapters=(), light=LightInfo(), sample_aspect=None)
    codec = _choose_codec(container, clip, options)
    facts = _encoder_facts(codec)
    pix_fmt, said = _choose_pix_fmt(clip, container, codec, facts, options)
    notes += said
    if codec.endswith(HARDWARE):
        _try_encoder(codec, pix_fmt, clip)
    upright = clip.display_matrix is not None and not container.holds_display_matrix
    width, height = upright_size(clip) if upright else (clip.width, clip.height)
    stored_width, stored_height = _stored_size(width, height, codec, pix_fmt)
    if (stored_width, stored_height) != (width, height):
        notes.append(
            f"The picture is stored as {stored_width}x{stored_height}: {codec} needs even sizes, so its last column "
            "or row is repeated once."
        )
    if upright:
        notes.append(f"The picture is turned upright, since {name.suffix} can't store a rotation.")
    colour = stored_colour(clip, container, codec, pix_fmt)
    if (matrix := _stored_matrix(colour.matrix, codec)) != colour.matrix:
        notes.append(f"The colour matrix is converted from {clip.colour.matrix} to {matrix}: VP9 can't store it.")
        colour = replace(colour, matrix=matrix)
    carried, left_out = _carry_streams(clip, container, stretch=stretch, sound=options.sound)
    return EncodePlan(
        clip=clip,
        container=container,
        codec=codec,
        encoder_options=_encoder_options(codec, pix_fmt, facts, options, clip, container),
        pix_fmt=pix_fmt,
        width=width,
        height=height,
        stored_width=stored_width,
        stored_height=stored_height,
        upright=upright,
        colour=colour,
        image_names=image_names,
        timing=timing,
        origin=origin,
        stretch=stretch,
        stretches_sound=stretch != 1 and options.sound == "stretch",
        carried=carried,
        notes=(*notes, *light_notes(clip.light), *left_out),
    )


def _lost_notes(clip: ClipInfo, container: Container) -> list[str]:
    """What of a film images or an animation can't hold."""
    what = "Images hold" if container.muxer == "image2" else f"{container.muxer.upper()} holds"
    kinds = dict.fromkeys("sound" if s.kind == "audio" else f"{s.kind}s" for s in other_streams(clip))
    lost = [*kinds, *(["chapters"] if clip.chapters else [])]
    notes = [f"{what} the picture alone; what is left out: {', '.join(lost)}."] if lost else []
    if is_hdr(clip.colour):
        notes.append(f"{what} no word on {clip.colour.transfer} light: the samples are kept as they are.")
    if clip.sample_aspect not in (None, 1):
        notes.append(f"{what} square pixels; those of the source are {clip.sample_aspect} as wide as high.")
    if container.muxer == "image2" and clip.variable_rate:
        notes.append("The frame rate of the source varies, which images don't tell: --fps makes them even.")
    return notes


def _with_purpose(options: EncodeOptions, clip: ClipInfo, output: Path, duration: Fraction) -> EncodeOptions:
    """The options with what their purpose means for those that were left open."""
    if options.purpose is None:
        return options
    wanted = settings_for(options.purpose, clip, output, duration, options.codec)
    if options.codec not in (None, wanted.codec):
        raise OutputError(f"--for {options.purpose} is stored by {wanted.codec}.", "Leave out --codec, or --for.")
    return replace(
        options,
        codec=wanted.codec,
        crf=wanted.crf if options.crf is None else options.crf,
        pix_fmt=options.pix_fmt or wanted.pix_fmt,
        encoder_args=(*wanted.encoder_args, *options.encoder_args),
    )


def _try_encoder(codec: str, pix_fmt: str, clip: ClipInfo) -> None:
    """Encode a grey frame, for a built-in encoder says nothing of the hardware that it needs.

    Raises:
        OutputError: if that fails.
    """
    grey = f"color=gray:size={max(clip.width, 256)}x{max(clip.height, 256)}:rate=25"
    command = [find_tool("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", grey]
    command += ["-frames:v", "2", "-c:v", codec, "-pix_fmt", pix_fmt, "-f", "null", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason was given"]
        said = lines[0].split("] ", 1)[-1].rstrip(".")
        raise OutputError(f"{codec} does not work on this machine: {said}.", "Leave out --codec to encode by the CPU.")


@dataclass(frozen=True)
class _Picture:
    """Where ffmpeg takes the picture from, and the options by which it becomes the first stream of the film."""

    stream: Any
    options: Mapping[str, object]


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
            _check_pace(self.plan.container, frame.pts - self._last)
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
        picture = _joined(self.plan, script, start)
        if self.plan.is_alone:
            command = _alone_command(self.plan, f"file:{self._path.absolute()}", picture)
        else:
            command = _command(self.plan, self._path, picture, self._covers(), self._retimed())
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
        for command in (_palette_command(drawn, palette), _gif_command(drawn, palette, self._path, options)):
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
        picture = _encoded(self.plan, self._lead)
        if self._segment_of is not None:
            process = self._launch(_segment_command(self.plan, self._path, picture))
        elif self.plan.is_alone:
            process = self._start_alone(picture)
        else:
            process = self._launch(_command(self.plan, self._path, picture, self._covers(), self._retimed()))
        plan = self.plan
        size = plan.stored_width, plan.stored_height
        header = stream_header(plan.raw_format, *size, plan.timing.rate, plan.clip.light)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the first frame finds out why
            process.stdin.write(header)

    def _start_alone(self, picture: _Picture) -> subprocess.Popen[bytes]:
        """A file, or a folder of images, that the picture has for itself."""
        if self.plan.image_names is not None:
            return self._launch(_alone_command(self.plan, f"./{self.plan.image_names}", picture), folder=self._path)
        if self.plan.container is not GIF:
            return self._launch(_alone_command(self.plan, f"file:{self._path.absolute()}", picture))
        folder = tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=self._path.parent)
        self._drawn = Path(self._folders.enter_context(folder)) / "drawn.mkv"
        return self._launch(_alone_command(self.plan, f"file:{self._drawn.absolute()}", picture))

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
        texts = [c.stream for c in plan.carried if _is_text(c, plan.retiming)]
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
            "Check --codec, --preset, --crf, --pix-fmt and --encoder-arg.",
        )


def _tells_no_room(reason: str) -> bool:
    return any(said in reason for said in NO_ROOM)


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


def _encoded(plan: EncodePlan, lead: int) -> _Picture:
    """The frames that come through the pipe, ``lead`` seconds late."""
    frames = ffmpeg.input("pipe:0", format="matroska", itsoffset=-lead, protocol_whitelist="pipe")
    options: dict[str, object] = {
        "c:v:0": "ffv1" if plan.container is GIF else plan.codec,
        "filter:v:0": ",".join(_filters(plan)),
        "pix_fmt:v:0": plan.pix_fmt,
        "fps_mode": "passthrough",
        "enc_time_base": f"{plan.timing.time_base.numerator}:{plan.timing.time_base.denominator}",
        **{f"{name}:v:0": value for name, value in plan.encoder_options},
    }
    if plan.clip.colour.chroma_location and not converts(plan.clip, plan.pix_fmt):
        options["chroma_sample_location:v:0"] = plan.clip.colour.chroma_location
    return _Picture(frames["v:0"], options)


def _joined(plan: EncodePlan, script: Path, start: Fraction) -> _Picture:
    """The segments of the folder that ffmpeg runs in, one behind the other, the first frame at ``start``."""
    # Filters of packets count in the units of the file that is written: finer ones are added before, by itsoffset.
    exact, late = plan.container.unit is None, start - plan.origin
    unit = Fraction(1, plan.timing.time_base.denominator) if exact else MILLISECOND
    ticks = round(late / unit) if exact else 0
    # The script's whole path would be no plain text to ffmpeg, which takes it for an address.
    segments = ffmpeg.input(
        f"file:{script.name}",
        format="concat",
        auto_convert=0,
        protocol_whitelist="file",
        itsoffset=f"{0 if exact else float(late):.6f}",
    )
    length = round(plan.timing.last_duration / unit)
    colour = plan.colour
    described = {
        "color_range": colour.range,
        "color_primaries": colour.primaries,
        "color_trc": colour.transfer,
        "colorspace": plan.colour.matrix,
        "chroma_sample_location": colour.chroma_location,
    }
    options = {
        "c:v:0": "copy",
        # Only the last frame's length counts; that of any other follows from the next one's time.
        "bsf:v:0": f"setts=pts=PTS+{ticks}:dts=DTS+{ticks}:duration={max(1, length)}",
        **{f"{name}:v:0": value for name, value in described.items() if value},
        **{f"{name}:v:0": value for name, value in plan.encoder_options if name == "tag"},
    }
    return _Picture(segments["v:0"], options)


def _segment_command(plan: EncodePlan, path: Path, picture: _Picture) -> list[str]:
    unit = plan.timing.time_base.denominator
    stream = ffmpeg.output(
        picture.stream,
        f"file:{path.absolute()}",
        format=_segment_muxer(plan.codec),
        video_track_timescale=unit,
        movie_timescale=unit,  # the start of a track is stored in units of its own
        map_metadata=-1,
        **picture.options,
    ).global_args(*_QUIETLY)
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return command


def _alone_command(plan: EncodePlan, target: str, picture: _Picture) -> list[str]:
    options: dict[str, object] = {
        "format": "matroska" if plan.container is GIF else plan.container.muxer,
        "map_metadata": -1,
        **(_last_frame_options(plan) if plan.container.is_film else {}),
        **picture.options,
        **dict(plan.container.muxer_options),
    }
    if plan.container.is_film and plan.container.unit is None:
        options["video_track_timescale"] = options["movie_timescale"] = plan.timing.time_base.denominator
    if plan.container is not GIF:
        options |= muxer_options(plan.container, plan.clip, plan.timing, Fraction(0))
    stream = ffmpeg.output(picture.stream, target, **options).global_args(*_QUIETLY)
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return command


def _palette_command(drawn: Path, palette: Path) -> list[str]:
    frames = ffmpeg.input(f"file:{drawn}", format="matroska", protocol_whitelist="file")
    chosen = ffmpeg.output(
        frames["v:0"], f"file:{palette}", vf="palettegen", format="image2", update=1, **{"frames:v": 1}
    )
    command: list[str] = ffmpeg.compile(chosen.global_args(*_QUIETLY), cmd=find_tool("ffmpeg"))
    return command


def _gif_command(drawn: Path, palette: Path, path: Path, options: Mapping[str, object]) -> list[str]:
    frames = ffmpeg.input(f"file:{drawn}", format="matroska", protocol_whitelist="file")
    colours = ffmpeg.input(f"file:{palette}", format="png_pipe", protocol_whitelist="file")
    pictures = ffmpeg.filter([frames["v:0"], colours["v:0"]], "paletteuse", diff_mode="rectangle")
    stream = ffmpeg.output(
        pictures, f"file:{path.absolute()}", format="gif", fps_mode="passthrough", enc_time_base="1:100", **options
    )
    command: list[str] = ffmpeg.compile(stream.global_args(*_QUIETLY), cmd=find_tool("ffmpeg"))
    return command


def _segment_muxer(codec: str) -> str:
    """A container that keeps any time base: mov takes most encoders, mp4 the others."""
    return "mp4" if any(name in codec for name in ("vp8", "vpx", "vp9", "av1")) else "mov"


def _source(plan: EncodePlan) -> Any:
    """The source as an input of ffmpeg's, at its times in the output, from a place before the section on."""
    seek: dict[str, object] = {}
    if (section := plan.clip.section) and section.cuts_start:
        place = max(section.film_start, section.begin - LEAD)
        seek = {"noaccurate_seek": None, "seek_timestamp": 1, "ss": f"{float(place):.6f}"}
    return ffmpeg.input(source_url(plan.clip.path), **SOURCE_LIMITS, itsoffset=f"{float(-plan.origin):.6f}", **seek)


def _command(
    plan: EncodePlan, path: Path, picture: _Picture, covers: Sequence[str], retimed: Mapping[str, Path]
) -> list[str]:
    clip, mapped = plan.clip, [carried for carried in plan.carried if carried.codec != ATTACHED]
    source = _source(plan)
    texts = {
        index: ffmpeg.input(str(file), format=file.suffix[1:]) for index, file in retimed.items() if index != "chapters"
    }
    others = [
        texts[index]["0"] if (index := str(carried.stream.index)) in texts else source[index] for carried in mapped
    ]
    options: dict[str, Any] = {
        "format": plan.container.muxer,
        "c": "copy",
        "max_muxing_queue_size": 4096,
        **{f"c:{n}": carried.codec for n, carried in enumerate(mapped, start=1)},
        **_last_frame_options(plan),
        **picture.options,
        **_retiming_options(plan, mapped),
        **_metadata_options(clip, mapped),
        **dict(plan.container.muxer_options),
    }
    if plan.container.unit is None:
        options["video_track_timescale"] = plan.timing.time_base.denominator
        if (clip.start - plan.origin) % MILLISECOND:  # the start of a track is stored in units of its own
            options["movie_timescale"] = plan.timing.time_base.denominator
    streams = [picture.stream, *(others or [source[NO_STREAM]])]
    target = f"file:{path.absolute()}"
    stream = ffmpeg.output(*streams, target, **options).global_args(*_QUIETLY)
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    end = command.index(target)  # ffmpeg-python takes no option twice
    stale = (argument for name in STALE_TAGS for argument in ("-metadata:s:v:0", f"{name}="))
    command[end:end] = [*stale, *covers]
    if plan.retiming.changes:
        _name_chapters(command, retimed.get("chapters"))
    return command


def _name_chapters(command: list[str], chapters: Path | None) -> None:
    """Let chapters come from a file of their own, or from nowhere."""
    inputs = command.count("-i")
    command[command.index("-map_chapters") + 1] = "-1" if chapters is None else str(inputs)
    if chapters is not None:
        first = command.index("-map")
        command[first:first] = ["-f", "ffmetadata", "-i", str(chapters)]


def _retiming_options(plan: EncodePlan, mapped: Sequence[Carried]) -> dict[str, object]:
    """What cuts and stretches the streams that are carried along."""
    timing = plan.retiming
    options: dict[str, object] = _prior_options(plan, dict(enumerate(mapped, start=1)))
    copied = _copied_packets(plan, mapped, timing.length) if timing.length is not None else {}
    for n, carried in enumerate(mapped, start=1):
        stream = carried.stream
        if _is_text(carried, timing):
            options[f"disposition:{n}"] = "+".join(stream.dispositions) or "0"
        elif stream.kind == "audio" and carried.codec != "copy":
            stretch = timing.stretch if plan.stretches_sound else Fraction(1)
            chain = sound_filter(stream, replace(timing, stretch=stretch), stretcher=_stretcher())
            options[f"filter:{n}"] = chain or "anull"
        elif stream.index in copied and not stream.attached_picture:
            # Counted, for ffmpeg 5 tells a bitstream filter a wrong time base.
            kept = copied[stream.index]
            options[f"bsf:{n}"] = f"noise=drop=lt(n\\,{kept.start})+gte(n\\,{kept.stop})"
    return options


def _prior_options(plan: EncodePlan, mapped: Mapping[int, Carried]) -> dict[str, object]:
    """Whether copied streams, by number, begin where ffmpeg has sought to, or with the section."""
    if not plan.retiming.cuts_start:
        return {}
    return {f"copypriorss:{n}": int(plan.begins_within_packet(carried)) for n, carried in mapped.items()}


def _copied_packets(plan: EncodePlan, mapped: Sequence[Carried], length: Fraction) -> dict[int, range]:
    """Which packets of the streams that are copied, by index, belong to the section.

    They are counted from where ffmpeg seeks to, which depends on the streams that it reads.
    """
    read = [c for c in mapped if not _is_text(c, plan.retiming)]
    if all(c.codec != "copy" for c in read):
        return {}
    spans: list[list[tuple[Fraction, Fraction]]] = [[] for _ in read]
    for n, start, end in _packets_read(plan, read, length):
        spans[n].append((start, end))
    return {
        c.stream.index: kept_packets(found, length, leads=plan.begins_within_packet(c))
        for c, found in zip(read, spans, strict=True)
        if c.codec == "copy"
    }


def _packets_read(
    plan: EncodePlan, read: Sequence[Carried], length: Fraction
) -> Iterator[tuple[int, Fraction, Fraction]]:
    """Number of the stream, start and end in seconds of each packet that ffmpeg will read.

    Raises:
        OutputError: if it can't read them.
    """
    source, options = _source(plan), _prior_options(plan, dict(enumerate(read)))
    output = ffmpeg.output(
        *(source[str(c.stream.index)] for c in read),
        "pipe:1",
        format="framecrc",
        c="copy",
        t=float(length) + 1,  # packets are not quite in the order of their times
        **options,
    )
    command = ffmpeg.compile(output.global_args(*_QUIETLY), cmd=find_tool("ffmpeg"))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    units: dict[int, Fraction] = {}
    for line in done.stdout.splitlines():
        if told := re.match(r"#tb (\d+): (\d+/\d+)", line):
            units[int(told[1])] = Fraction(told[2])
        elif not line.startswith("#"):
            n, _, pts, duration = (int(field) for field in line.split(",")[:4])
            yield n, pts * units[n], (pts + duration) * units[n]
    if done.returncode != 0:
        raise OutputError("The sound of the section can't be read.", "The source may be damaged.")


def _is_text(carried: Carried, timing: Retiming) -> bool:
    """Whether a stream is subtitles that are written anew, with other times."""
    return timing.changes and carried.stream.kind == "subtitle" and carried.stream.codec in TEXT_SUBTITLES


@cache
def _stretcher() -> str:
    """The better of ffmpeg's two filters that slow sound down, if it is built in."""
    command = [find_tool("ffmpeg"), "-hide_banner", "-h", "filter=rubberband"]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    return "rubberband" if "tempo" in told else "atempo"


def _last_frame_options(plan: EncodePlan) -> dict[str, object]:
    """How long the last frame is shown, where that is not the nominal time: no encoder passes it on."""
    length = plan.timing.last_duration
    if abs(length - 1 / plan.timing.rate) < MILLISECOND:
        return {}
    # Only the last frame's length counts; that of any other follows from the next one's time.
    unit = plan.container.unit or plan.timing.time_base
    return {"bsf:v:0": f"setts=pts=PTS:dts=DTS:duration={max(1, round(length / unit))}"}


def _metadata_options(clip: ClipInfo, mapped: Sequence[Carried]) -> dict[str, object]:
    """Titles, languages and chapters as in the source."""
    indices = (clip.stream_index, *(carried.stream.index for carried in mapped))
    return {
        "map_metadata": 1,
        "map_chapters": 1,
        **{f"map_metadata:s:{n}": f"1:s:{index}" for n, index in enumerate(indices)},
    }


def _stored_matrix(own: str | None, codec: str) -> str | None:
    """The matrix that the file will have.

    Raises:
        OutputError: if the encoder can store neither the source's nor one like it.
    """
    if own not in NOT_IN_VP9 or not codec.startswith("libvpx"):
        return own
    if own not in CONVERTED_MATRIX:
        raise OutputError(f"VP9 can't store the colour matrix {own}.", "Write to .mp4 or .mkv instead.")
    return CONVERTED_MATRIX[own]


def _filters(plan: EncodePlan) -> list[str]:
    """Filters that describe the picture; they touch its samples only where the matrix can't be stored."""
    colour = plan.clip.colour
    described = {
        "range": colour.range,
        "color_primaries": colour.primaries,
        "color_trc": colour.transfer,
        "colorspace": colour.matrix,
    }
    known = [f"{name}={value}" for name, value in described.items() if value]
    filters = [f"setparams={':'.join(known)}"] if known else []
    if changed := conversion(plan.clip, plan.colour, plan.pix_fmt):
        filters += changed
    elif plan.colour.matrix != colour.matrix and plan.container.is_film:
        filters.append("zscale=matrix=170m")
    if aspect := plan.clip.sample_aspect:
        aspect = 1 / aspect if plan.upright and plan.width != plan.clip.width else aspect
        filters.append(f"setsar=sar={aspect.numerator}/{aspect.denominator}:max=100000")
    return filters or ["null"]


def _check_pace(container: Container, gap: Fraction) -> None:
    """Refuse frames that would be closer together than a container can tell apart, or than they would be shown."""
    if gap >= container.shortest:
        return
    if container.is_film:
        raise OutputError(
            f"{container.muxer} can't hold frames less than a millisecond apart, as these would be.",
            "Write to .mp4 or .mov instead, or choose a smaller --factor.",
        )
    most = 1 / container.shortest
    raise OutputError(
        f"{container.muxer.upper()} can't show more than {int(most)} frames a second: browsers slow them down.",
        f"Give --fps {int(most)} or less, a smaller --factor, or --slow-motion.",
    )


def origin_of(clip: ClipInfo, stretch: Fraction = Fraction(1)) -> Fraction:
    """The moment of the source, in seconds, that is zero in the output: where it begins if its times are changed."""
    if clip.section is not None and clip.section.cuts_start:
        return clip.section.begin
    if clip.container not in ARBITRARY_ORIGIN and stretch == 1:
        return Fraction(0)
    kinds = {"audio"} if stretch != 1 else {s.kind for s in clip.streams}
    return min([clip.start, *(s.start for s in clip.streams if s.start is not None and s.kind in kinds)])


def _choose_codec(container: Container, clip: ClipInfo, options: EncodeOptions) -> str:
    """What was asked for, or the container's own; H.265 for what players don't expect, or can't be, in H.264."""
    if not container.is_film and options.codec not in (None, container.video_codec):
        raise OutputError(f"{options.codec} does not go into this kind of file.", "Leave out --codec.")
    if options.codec is not None:
        return options.codec
    if container.video_codec != "libx264":
        return container.video_codec
    wanted = film_format(clip)
    rgb = wanted.chroma is Chroma.RGB
    if is_hdr(clip.colour) or wanted.depth > (8 if rgb or clip.is_drawn else 10):
        return "libx265"
    return "libx264rgb" if rgb else "libx264"


def _encoder_facts(codec: str) -> str:
    """What ``ffmpeg -h encoder=...`` says of an encoder: its options and pixel formats."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", codec):
        raise OutputError(f"{codec} is not the name of an encoder.", "See ffmpeg -encoders for the names.")
    told = _encoder_help(find_tool("ffmpeg"), codec)
    known = any(f"Encoder {name} [" in told for name in (codec, f"lib{codec}")) or "pixel formats" in told
    if not known or "Supported sample" in told:
        raise OutputError(
            f"The installed ffmpeg has no video encoder named {codec}.", "See ffmpeg -encoders for the names."
        )
    return told


@cache
def _encoder_help(program: str, codec: str) -> str:
    try:
        return subprocess.run(
            [program, "-hide_banner", "-h", f"encoder={codec}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
        ).stdout
    except OSError as error:
        raise MediaToolError(
            f"The program {program} does not work: {error.strerror}.", INSTALL_HINT.format(variable="IFRPLUS_FFMPEG")
        ) from error


def _choose_pix_fmt(
    clip: ClipInfo, container: Container, codec: str, facts: str, options: EncodeOptions
) -> tuple[str, list[str]]:
    listed = re.search(r"Supported pixel formats: (.*)", facts)
    supported = listed[1].split() if listed else []
    if options.pix_fmt is not None:
        if supported and options.pix_fmt not in supported:
            raise OutputError(f"{codec} can't store {options.pix_fmt}.", f"It takes: {' '.join(supported)}.")
        return options.pix_fmt, []
    own = clip.pixel_format
    if not container.is_film:
        chosen = image_format(own, codec)
        return chosen, list(_image_notes(own, codec, chosen))
    keeps_rgb = options.codec is not None and any(is_rgb(name) for name in supported)
    wanted = own if keeps_rgb else film_format(clip)
    shallow = named(wanted.chroma, 8, alpha=wanted.alpha)  # alpha counts for more than depth
    for form in dict.fromkeys((wanted, *([shallow] if wanted.alpha else []), wanted.opaque)):
        if found := _stored_as(form, clip, codec, supported):
            notes = (
                [] if wanted is own else [f"{own.name} is stored as {found}, as players expect; --codec ffv1 keeps it."]
            )
            full = codec == "mjpeg" and clip.colour.range != "pc"
            return found, [*notes, *(["The picture is stored in full range: mjpeg has no other."] if full else [])]
    chosen = _nearest(wanted, supported)
    return chosen, [f"The picture is stored as {chosen}: {codec} can't store {own.name}."]


def _stored_as(form: PixelFormat, clip: ClipInfo, codec: str, supported: Sequence[str]) -> str | None:
    """The name under which an encoder stores samples of a format, None if it can't."""
    full_range = form.name.replace("yuv", "yuvj")
    if full_range in supported and (codec == "mjpeg" or (clip.colour.range == "pc" and form.name not in supported)):
        return full_range
    if form.name in supported or not supported:
        return form.name
    return next((name for name in PACKED.get(form.name, ()) if name in supported), None)


def _image_notes(own: PixelFormat, codec: str, chosen: str) -> Iterator[str]:
    if codec == "gif":
        yield "GIF holds 256 colours, and times in hundredths of a second: up to 50 frames a second."
    elif own.depth > 8 and not any(word in chosen for word in ("16", "48", "64")):
        yield f"The picture is stored in 8 of its {own.depth} bits."
    if codec == "mjpeg":
        yield "JPEG is lossy; PNG and TIFF are not."
    if codec.startswith("libwebp") and chosen != "bgra":
        yield "WebP is lossy here, of quality 90; --encoder-arg quality=100 is the best it can."


def _nearest(own: PixelFormat, supported: Sequence[str]) -> str:
    """The supported format that loses least: alpha, then the same chroma in the next depth, else the most chroma."""
    known = [PIXEL_FORMATS[name] for name in supported if name in PIXEL_FORMATS]
    known = [f for f in known if f.alpha and own.alpha] or [f for f in known if not f.alpha]
    same = [f for f in known if f.chroma is own.chroma]
    richest = [f for f in known if f.chroma is not Chroma.GRAY or own.chroma is Chroma.GRAY]
    most_first = 1 if own.chroma is Chroma.GRAY else -1
    for candidates in (same, sorted(richest, key=lambda f: most_first * RICHNESS.index(f.chroma))):
        if candidates:
            return min(candidates, key=lambda f: (abs(f.depth - own.depth), -f.depth)).name
    return supported[0]


def _stored_size(width: int, height: int, codec: str, pix_fmt: str) -> tuple[int, int]:
    """Width and height rounded up to what the encoder takes."""
    if codec in TAKES_ODD_SIZES:
        return width, height
    even_width = any(chroma in pix_fmt for chroma in ("420", "422", "nv", "p010"))
    even_height = any(chroma in pix_fmt for chroma in ("420", "nv12", "nv21", "p010"))
    return width + width % 2 * even_width, height + height % 2 * even_height


def _encoder_options(
    codec: str, pix_fmt: str, facts: str, options: EncodeOptions, clip: ClipInfo, container: Container
) -> tuple[tuple[str, str], ...]:
    chosen = dict(() if container.is_film else image_options(codec, pix_fmt))
    crf = options.crf if options.crf is not None else DEFAULT_CRF.get(codec)
    preset = options.preset or DEFAULT_PRESET.get(codec)
    if options.crf is not None and not re.search(r"^ *-crf ", facts, re.MULTILINE):
        raise OutputError(f"{codec} has no --crf.", "Leave --crf out, or set its quality with --encoder-arg.")
    if options.preset is not None and not re.search(r"^ *-preset ", facts, re.MULTILINE):
        raise OutputError(f"{codec} has no --preset.", "Leave --preset out.")
    if crf is not None:
        # x264 reads crf 0 as lossless in 8 bit only; qp 0 means it in every depth.
        lossless = codec.startswith("libx264") and crf == 0
        chosen["qp" if lossless else "crf"] = f"{crf:g}"
    for ending, quality in HARDWARE_QUALITY.items():
        chosen.update(quality if codec.endswith(ending) else ())
    if codec.startswith("libvpx"):
        chosen["b"] = "0"
        chosen["row-mt"] = "1"
    if preset is not None:
        chosen["preset"] = preset
    if codec == "libx265" and container.holds_display_matrix:
        chosen["tag"] = "hvc1"  # the name that Apple's players ask for in mp4 and mov
    chosen.update(light_options(codec, clip.light))
    for name, value in options.encoder_args:
        both = name.endswith("-params") and name in chosen
        chosen[name] = f"{chosen[name]}:{value}" if both else value
    return tuple(chosen.items())


def other_streams(clip: ClipInfo) -> list[StreamInfo]:
    """What a film holds beside its picture.

    ffmpeg shows the text track behind an mp4's chapters as data; a muxer makes it anew from the chapters.
    """
    return [s for s in clip.streams if not (s.codec == "bin_data" and clip.chapters)]


def _carry_streams(
    clip: ClipInfo, container: Container, *, stretch: Fraction, sound: str
) -> tuple[tuple[Carried, ...], list[str]]:
    """Copy what the container holds, convert what it is usual to convert, and say what is left out."""
    streams = [s for s in other_streams(clip) if stretch == 1 or sound != "drop" or s.kind != "audio"]
    stretched = stretch != 1 and sound == "stretch"
    retimed = clip.section is not None or stretch != 1
    ways = {s.index: _ways(s, container, retimed=retimed, stretched=stretched) for s in streams}
    if stretch != 1:
        ways.update({s.index: [] for s in streams if not _can_stretch(s)})
    copied = [choices[0] for choices in ways.values() if choices]
    if len(copied) == len(ways) and _muxer_takes(clip, container, copied):
        return _attached_last(copied), []
    carried, left_out = [], []
    for stream in streams:
        taken = next((way for way in ways[stream.index] if _muxer_takes(clip, container, [way])), None)
        if taken is None:
            left_out.append(
                f"The {stream.kind} stream {stream.index} ({stream.codec}) can't be stored and is left out."
            )
            continue
        carried.append(taken)
        same = taken.codec in ("copy", ATTACHED, stream.codec) or (stream.codec, taken.codec) == ("subrip", "srt")
        if not same and not (stretched and stream.kind == "audio"):
            left_out.append(f"The {stream.kind} stream {stream.index} ({stream.codec}) is converted to {taken.codec}.")
    return _attached_last(carried), left_out


def _can_stretch(stream: StreamInfo) -> bool:
    """Whether a stream can last longer, or has no time at all."""
    timeless = stream.kind == "attachment" or stream.attached_picture
    return timeless or stream.kind == "audio" or (stream.kind == "subtitle" and stream.codec in TEXT_SUBTITLES)


def _ways(stream: StreamInfo, container: Container, *, retimed: bool, stretched: bool) -> list[Carried]:
    """How a container might hold a stream, the best way first."""
    if stream.kind == "attachment" and not container.holds_attachments:
        return []
    if stream.attached_picture and container.holds_attachments:
        return [Carried(stream, ATTACHED)] if stream.codec in COVER_TYPES else []
    usual = {"audio": container.audio_codec, "subtitle": container.subtitle_codec}.get(stream.kind)
    if stream.kind == "subtitle" and retimed and stream.codec in TEXT_SUBTITLES:
        codecs = ["ass", usual] if TEXT_SUBTITLES[stream.codec] == "ass" and container is MKV else [usual]
    elif stream.kind == "audio" and retimed:
        kept = [] if stretched else ["copy"]
        codecs = [*([stream.codec] if is_lossless(stream.codec) else []), *kept, usual]
    else:
        codecs = ["copy", usual]
    return [Carried(stream, codec) for codec in codecs if codec]


def _attached_last(carried: Sequence[Carried]) -> tuple[Carried, ...]:
    """In the order that the file will have: ffmpeg puts attached files behind all streams."""
    return tuple(sorted(carried, key=lambda c: c.codec == ATTACHED))


def _muxer_takes(clip: ClipInfo, container: Container, carried: Sequence[Carried]) -> bool:
    """Ask ffmpeg itself, with the first second of the streams and no file."""
    mapped = [c for c in carried if c.codec != ATTACHED]
    if not mapped:
        return True
    source = ffmpeg.input(source_url(clip.path), **SOURCE_LIMITS)
    stream = ffmpeg.output(
        *(source[str(c.stream.index)] for c in mapped),
        "/dev/null",
        format=container.muxer,
        t=1,
        **{f"c:{n}": c.codec for n, c in enumerate(mapped)},
    ).global_args("-hide_banner", "-nostdin", "-y", "-loglevel", "quiet")
    command = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0
