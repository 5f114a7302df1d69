"""Build ffmpeg's command lines for a planned file: picture, sound and everything else, at their times."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ffmpeg

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pixel_formats import Chroma
from ifrplus_cli.values import ClipInfo, StreamInfo
from ifrplus_cli.video.ffmpeg import find_tool
from ifrplus_cli.video.formats.channel_layouts import layout_filter
from ifrplus_cli.video.formats.containers import MILLISECOND
from ifrplus_cli.video.formats.image_formats import converts
from ifrplus_cli.video.other_streams.retime import LEAD, kept_packets, sound_filter
from ifrplus_cli.video.other_streams.sound_stretch import stretch_filter
from ifrplus_cli.video.other_streams.stream_mapping import ATTACHED, Carried, is_retimed_text
from ifrplus_cli.video.packets import packet_span
from ifrplus_cli.video.pieces import open_source
from ifrplus_cli.video.writing.encode_plan import EncodePlan, has_arbitrary_origin
from ifrplus_cli.video.writing.label_options import disposition_options, label_words

# Maps nothing, but keeps the source among ffmpeg's inputs: titles and chapters come from it.
NO_STREAM = "v:999?"
# Tags that a program wrote about the source's own video stream: its encoder, and mkvmerge's statistics.
STATISTICS = ("BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "SOURCE_ID", "_STATISTICS_TAGS")
# Transfers and matrices as ffprobe names them, and as ffmpeg's options do, where that differs.
TRANSFERS, MATRICES = {"bt470m": "gamma22", "bt470bg": "gamma28"}, {"gbr": "rgb"}
STALE_TAGS = ("encoder", *STATISTICS, *(f"{name}-eng" for name in STATISTICS))
MICROSECOND = Fraction(1, 1_000_000)
NEAR_START = 2  # seconds: so near its start a film is read from there, because some containers find no place before it
_QUIETLY = ("-hide_banner", "-nostdin", "-y", "-copyts", "-loglevel", "repeat+level+warning")


@dataclass(frozen=True)
class Picture:
    """The picture as an input of ffmpeg, and the options that make it the first stream of the film.

    Attributes:
        stream: stream of an ffmpeg-python input.
        options: output options by name.
    """

    stream: Any
    options: Mapping[str, object]


def encoded_picture(plan: EncodePlan, lead: int) -> Picture:
    """Return the picture for frames that come through the pipe and are encoded.

    Args:
        lead: seconds by which the times in the pipe are late.
    """
    frames = ffmpeg.input("pipe:0", format="matroska", itsoffset=-lead, protocol_whitelist="pipe")
    options: dict[str, object] = {
        "c:v:0": plan.codec,
        "filter:v:0": ",".join(_filters(plan)),
        "pix_fmt:v:0": plan.pix_fmt,
        "fps_mode": "passthrough",
        "enc_time_base:v:0": f"{plan.timing.time_base.numerator}:{plan.timing.time_base.denominator}",
        **{f"{name}:v:0": value for name, value in plan.encoder_options},
    }
    if plan.clip.colour.chroma_location and not converts(plan.clip, plan.pix_fmt):
        options["chroma_sample_location:v:0"] = plan.clip.colour.chroma_location
    return Picture(frames["v:0"], options)


def joined_picture(plan: EncodePlan, script: Path, start: Fraction) -> Picture:
    """Return the picture for finished segments, which are joined and copied.

    Args:
        script: concat script of the segments, in their folder; ffmpeg must run there.
        start: time of the first frame in the source, in seconds.
    """
    # Bitstream filters count in units of the output file; a finer offset is added before them, by itsoffset.
    exact, late = plan.container.unit is None, start - plan.origin
    unit = Fraction(1, plan.timing.time_base.denominator) if exact else MILLISECOND
    ticks = round(late / unit) if exact else 0
    # Only the script's name is given: ffmpeg takes it for a URL, in which a whole path might not be plain text.
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
        "color_trc": colour.transfer and TRANSFERS.get(colour.transfer, colour.transfer),
        "colorspace": colour.matrix and MATRICES.get(colour.matrix, colour.matrix),
        "chroma_sample_location": colour.chroma_location,
    }
    options = {
        "c:v:0": "copy",
        # Only the last frame's length has an effect; that of any other follows from the next one's time.
        "bsf:v:0": f"setts=pts=PTS+{ticks}:dts=DTS+{ticks}:duration={max(1, length)}",
        **{f"{name}:v:0": value for name, value in described.items() if value},
        **{f"{name}:v:0": value for name, value in plan.encoder_options if name == "tag"},
    }
    return Picture(segments["v:0"], options)


def _filters(plan: EncodePlan) -> list[str]:
    """Return filters that tag the picture; they change its samples only if it is stored in another format."""
    colour = plan.clip.colour
    grey = plan.clip.pixel_format.chroma is Chroma.GRAY  # which ffmpeg takes for full range where none is stated
    described = {
        "range": colour.range or ("tv" if grey else None),
        "color_primaries": colour.primaries,
        "color_trc": colour.transfer,
        "colorspace": colour.matrix,
    }
    known = [f"{name}={value}" for name, value in described.items() if value]
    filters = [f"setparams={':'.join(known)}"] if known else []
    filters += plan.filters
    if aspect := plan.clip.sample_aspect:
        aspect = 1 / aspect if plan.upright and plan.width != plan.clip.width else aspect
        filters.append(f"setsar=sar={aspect.numerator}/{aspect.denominator}:max=100000")
    return filters or ["null"]


def segment_command(plan: EncodePlan, path: Path, picture: Picture) -> list[str]:
    """Return the command for a segment: the picture alone, with times in the plan's own time base."""
    unit = plan.timing.time_base.denominator
    stream = ffmpeg.output(
        picture.stream,
        f"file:{path.absolute()}",
        format=_segment_muxer(plan.codec),
        video_track_timescale=unit,
        movie_timescale=unit,  # the start of a track is stored in this unit
        map_metadata=-1,
        **picture.options,
    ).global_args(*_QUIETLY)
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return command


def _segment_muxer(codec: str) -> str:
    """Return a container that keeps any time base: mov takes most encoders, mp4 the others."""
    return "mp4" if any(name in codec for name in ("vp8", "vpx", "vp9", "av1")) else "mov"


def picture_command(
    plan: EncodePlan, target: str, picture: Picture, options: Mapping[str, object] = MappingProxyType({})
) -> list[str]:
    """Return the command for a file, or images, without any stream but the picture.

    Args:
        target: the output as ffmpeg names it.
        options: options of the kind of file; those of the picture replace them.
    """
    every: dict[str, object] = {
        "format": plan.container.muxer,
        "map_metadata": -1,
        **options,
        **picture.options,
        **dict(plan.container.muxer_options),
    }
    stream = ffmpeg.output(picture.stream, target, **every).global_args(*_QUIETLY)
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    return command


def film_picture_options(plan: EncodePlan) -> dict[str, object]:
    """Return the options of a film without any stream but the picture."""
    options = _last_frame_options(plan)
    if plan.container.unit is None:
        options["video_track_timescale"] = options["movie_timescale"] = plan.timing.time_base.denominator
    return options


def palette_command(lossless: Path, palette: Path) -> list[str]:
    """Return the command that chooses the palette of a GIF from its lossless frames."""
    frames = ffmpeg.input(f"file:{lossless}", format="matroska", protocol_whitelist="file")
    chosen = ffmpeg.output(
        frames["v:0"], f"file:{palette}", vf="palettegen", format="image2", update=1, **{"frames:v": 1}
    )
    command: list[str] = ffmpeg.compile(chosen.global_args(*_QUIETLY), cmd=find_tool("ffmpeg"))
    return command


def gif_command(lossless: Path, palette: Path, path: Path, options: Mapping[str, object]) -> list[str]:
    """Return the command that draws a GIF from its lossless frames with a palette."""
    frames = ffmpeg.input(f"file:{lossless}", format="matroska", protocol_whitelist="file")
    colours = ffmpeg.input(f"file:{palette}", format="png_pipe", protocol_whitelist="file")
    pictures = ffmpeg.filter([frames["v:0"], colours["v:0"]], "paletteuse", diff_mode="rectangle")
    stream = ffmpeg.output(
        pictures, f"file:{path.absolute()}", format="gif", fps_mode="passthrough", enc_time_base="1:100", **options
    )
    command: list[str] = ffmpeg.compile(stream.global_args(*_QUIETLY), cmd=find_tool("ffmpeg"))
    return command


def film_command(
    plan: EncodePlan, path: Path, picture: Picture, covers: Sequence[str], retimed: Mapping[str, Path]
) -> list[str]:
    """Return the command for a film: the picture, and the streams, tags and chapters of its source.

    Args:
        path: the output.
        covers: options that attach cover art.
        retimed: files with new times: that of the chapters as ``chapters``, those of text subtitles by stream index.
    """
    clip, mapped = plan.clip, [carried for carried in plan.carried if carried.codec != ATTACHED]
    texts = {
        index: ffmpeg.input(str(file), format=file.suffix[1:]) for index, file in retimed.items() if index != "chapters"
    }
    others = [
        texts[index]["0"] if (index := str(carried.stream.index)) in texts else _input_of(plan, carried)[index]
        for carried in mapped
    ]
    options: dict[str, Any] = {
        "format": plan.container.muxer,
        "c": "copy",
        "max_muxing_queue_size": 4096,
        **{f"c:{n}": carried.codec for n, carried in enumerate(mapped, start=1)},
        **_last_frame_options(plan),
        **picture.options,
        **({} if plan.until is None else {"t": f"{float(plan.until):.6f}"}),
        **_retiming_options(plan, mapped),
        **disposition_options(plan, mapped),
        **_metadata_options(clip, mapped),
        **dict(plan.container.muxer_options),
    }
    if plan.container.unit is None:
        options["video_track_timescale"] = plan.timing.time_base.denominator
        if (clip.start - plan.origin) % MILLISECOND:  # the start of a track is stored in this unit
            options["movie_timescale"] = plan.timing.time_base.denominator
    # The unchanged source is always the second input.
    streams = [picture.stream, _source(plan)[NO_STREAM], *others]
    target = f"file:{path.absolute()}"
    stream = ffmpeg.output(*streams, target, **options).global_args(*_QUIETLY)
    command: list[str] = ffmpeg.compile(stream, cmd=find_tool("ffmpeg"))
    end = command.index(target)  # ffmpeg-python can't repeat an option
    command[end:end] = [*_without_stale_tags(plan, mapped), *label_words(plan), *covers]
    if plan.retiming.changes:
        _name_chapters(command, retimed.get("chapters"))
    return command


def _without_stale_tags(plan: EncodePlan, mapped: Sequence[Carried]) -> Iterator[str]:
    """Yield options that remove what other programs counted in streams that are no longer the same."""
    changed = [n for n, each in enumerate(mapped, start=1) if each.codec != "copy" or plan.retiming.changes]
    for n, names in ((0, STALE_TAGS), *((n, STALE_TAGS[1:]) for n in changed)):
        for name in names:
            yield from (f"-metadata:s:{n}", f"{name}=")


def _input_of(plan: EncodePlan, carried: Carried) -> Any:
    """Return the source at the times that the muxer must get for a stream; a filter delays sound that is encoded."""
    return _source(plan, carried.delay if carried.codec == "copy" else Fraction(0))


def _source(plan: EncodePlan, delay: Fraction = Fraction(0)) -> Any:
    """Return the source as an input of ffmpeg, at its times in the output; reading begins before the section."""
    seek: dict[str, object] = {}
    if (section := plan.clip.section) and section.cuts_start:
        place = section.begin - LEAD
        if place - section.film_start > NEAR_START:
            seek = {"noaccurate_seek": None, "seek_timestamp": 1, "ss": f"{float(place):.6f}"}
    offset = delay - plan.origin
    if has_arbitrary_origin(plan.clip):
        offset += MICROSECOND  # ffmpeg 5 takes an offset of just the start for a wish to begin at zero
    return open_source(plan.clip, itsoffset=f"{float(offset):.6f}", **seek)


def _name_chapters(command: list[str], chapters: Path | None) -> None:
    """Change a command so that chapters come from a file of their own; without such a file there are none."""
    inputs = command.count("-i")
    command[command.index("-map_chapters") + 1] = "-1" if chapters is None else str(inputs)
    if chapters is not None:
        first = command.index("-map")
        command[first:first] = ["-f", "ffmetadata", "-i", str(chapters)]


def _metadata_options(clip: ClipInfo, mapped: Sequence[Carried]) -> dict[str, object]:
    """Return options that copy titles, languages and chapters from the source."""
    indices = (clip.stream_index, *(carried.stream.index for carried in mapped))
    return {
        "map_metadata": 1,
        "map_chapters": 1,
        **{f"map_metadata:s:{n}": f"1:s:{index}" for n, index in enumerate(indices)},
    }


def _last_frame_options(plan: EncodePlan) -> dict[str, object]:
    """Return options that set how long the last frame is shown, if not nominally long: no encoder passes it on."""
    length = plan.timing.last_duration
    if abs(length - 1 / plan.timing.rate) < MILLISECOND:
        return {}
    # Only the last frame's length has an effect; that of any other follows from the next one's time.
    unit = plan.container.unit or plan.timing.time_base
    return {"bsf:v:0": f"setts=pts=PTS:dts=DTS:duration={max(1, round(length / unit))}"}


def _retiming_options(plan: EncodePlan, mapped: Sequence[Carried]) -> dict[str, object]:
    """Return options that cut and stretch the streams that are taken along."""
    timing = plan.retiming
    options: dict[str, object] = _prior_options(plan, dict(enumerate(mapped, start=1)))
    copied = _copied_packets(plan, mapped, timing.length) if timing.length is not None else {}
    for n, carried in enumerate(mapped, start=1):
        stream = carried.stream
        if stream.kind == "audio" and carried.codec != "copy":
            stretch = stretch_filter(timing.stretch, stream.sample_rate) if plan.stretches_sound else None
            chain = sound_filter(_of_known_length(plan.clip, stream) if stretch else stream, timing, stretch)
            late = f"asetpts=PTS+{float(carried.delay)}/TB" if carried.delay else None
            steps = (chain, carried.layout and layout_filter(carried.layout), late)
            options[f"filter:{n}"] = ",".join(step for step in steps if step) or "anull"
        elif stream.index in copied and not stream.attached_picture:
            # Packets are counted, because ffmpeg 5 gives bitstream filters a wrong time base.
            kept = copied[stream.index]
            options[f"bsf:{n}"] = f"noise=drop=lt(n\\,{kept.start})+gte(n\\,{kept.stop})"
    return options


def _of_known_length(clip: ClipInfo, stream: StreamInfo) -> StreamInfo:
    """Return a stream with its length: mov and mp4 state it, elsewhere only its packets tell."""
    if (stream.duration is not None and "mov" in clip.container) or (span := packet_span(clip, stream.index)) is None:
        return stream
    return replace(stream, start=span[0], duration=span[1] - span[0])


def _prior_options(plan: EncodePlan, mapped: Mapping[int, Carried]) -> dict[str, object]:
    """Return options that say, for streams by number, whether copying begins at ffmpeg's seek point or the section."""
    if not plan.retiming.cuts_start:
        return {}
    return {f"copypriorss:{n}": int(plan.begins_within_packet(carried)) for n, carried in mapped.items()}


def _copied_packets(plan: EncodePlan, mapped: Sequence[Carried], length: Fraction) -> dict[int, range]:
    """Return which packets of copied streams, by index, belong to the section.

    Packets are counted from ffmpeg's seek point, which depends on the streams that it reads.
    """
    read = [c for c in mapped if not is_retimed_text(c, plan.retiming)]
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
    """Yield the stream's number, start and end in seconds of each packet that ffmpeg will read.

    Raises:
        OutputError: if ffmpeg can't read them.
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
        if stated := re.match(r"#tb (\d+): (\d+/\d+)", line):
            units[int(stated[1])] = Fraction(stated[2])
        elif not line.startswith("#"):
            n, _, pts, duration = (int(field) for field in line.split(",")[:4])
            yield n, pts * units[n], (pts + duration) * units[n]
    if done.returncode != 0:
        raise OutputError("The sound of the section can't be read.", "The source may be damaged.")
