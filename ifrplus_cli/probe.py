"""What a film is: headers and packet times, read with ffprobe; nothing is decoded."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import ffmpeg

from ifrplus_cli.animation import count_plays, is_webp_animation, read_webp
from ifrplus_cli.containers import MILLISECOND
from ifrplus_cli.drain import StderrDrain
from ifrplus_cli.errors import InputError, MediaToolError
from ifrplus_cli.hdr import is_hdr, read_light
from ifrplus_cli.media import (
    PIXEL_FORMATS,
    RICHNESS,
    Chapter,
    Chroma,
    ClipInfo,
    ColourTags,
    LightInfo,
    PixelFormat,
    Stills,
    StreamInfo,
)
from ifrplus_cli.sequence import KINDS, find_images, is_sequence, read_headers

INSTALL_HINT = "Install it with: apt-get install -y ffmpeg (or set {variable} to the program)."
# Demuxers of films in one file. No others are ever tried: some read other files or addresses that the file names (hls,
# dash, concat, sdp, imf, image2), others take anything at all for a picture (tty).
FILM_DEMUXERS = (
    "4xm,apng,asf,asf_o,av1,avi,avs2,avs3,bink,cavsvideo,dhav,dirac,dnxhd,dv,ea,film_cpk,flic,flv,gif,gxf,h261,h263,h264,hevc,"
    "idcin,ivf,ivr,kux,live_flv,lxf,m4v,matroska,mjpeg,mlv,mov,mpeg,mpegts,mpegvideo,mpjpeg,mtv,mvi,mxf,nsv,nut,nuv,obu,ogg,"
    "pmp,pva,r3d,rm,roq,rpl,smjpeg,smk,swf,ty,vc1,vc1test,vivo,vividas,vmd,wc3movie,webm,wtv,xmv,yuv4mpegpipe"
)
# Options of every ffmpeg that reads a source: this one file, and nothing that it might lead to.
SOURCE_LIMITS = {"protocol_whitelist": "file", "format_whitelist": FILM_DEMUXERS}
# ffmpeg's demuxer of one image, and its decoder. The demuxer is named, so that nothing else is tried on the file.
IMAGE_TOOLS = {
    "PNG": ("png_pipe", "png"),
    "JPEG": ("jpeg_pipe", "mjpeg"),
    "WebP": ("webp_pipe", "webp"),
    "TIFF": ("tiff_pipe", "tiff"),
}
DRAWN = {"png", "apng", "gif", "webp", "tiff"}  # decoders of images
IMAGES, WEBP = "images", "webp"  # in place of a demuxer's name
REFUSED = b"Format not on whitelist"
# Demuxers that know when to decode a frame but not when to show it.
DECODE_TIMES_ONLY = {"avi"}
# Formats whose samples ffmpeg repacks without loss into a planar format of ours.
REPACKED = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yuvj420p": "yuv420p",
    "yuvj422p": "yuv422p",
    "yuvj444p": "yuv444p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "y210le": "yuv422p10le",
    "p410le": "yuv444p10le",
}


def find_tool(name: str) -> str:
    """Path of ``ffmpeg`` or ``ffprobe``: ``IFRPLUS_FFMPEG`` / ``IFRPLUS_FFPROBE`` first, then PATH.

    Raises:
        MediaToolError: if it is not there.
    """
    variable = f"IFRPLUS_{name.upper()}"
    wanted = os.environ.get(variable) or name
    found = shutil.which(wanted)
    if found is None:
        raise MediaToolError(f"The program {wanted} was not found.", INSTALL_HINT.format(variable=variable))
    return str(Path(found).absolute())


def source_url(path: Path) -> str:
    """The path as an ffmpeg input that is always read as one local file, whatever characters it has."""
    return f"file:{path.absolute()}"


def is_text(path: Path) -> bool:
    """Whether the whole path is valid text; ffmpeg-python takes no other."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


def upright_size(clip: ClipInfo) -> tuple[int, int]:
    """Width and height of the picture after the display matrix is applied."""
    turned = clip.display_matrix is not None and clip.display_matrix[0] == 0
    return (clip.height, clip.width) if turned else (clip.width, clip.height)


def probe(path: Path, input_rate: Fraction | None = None) -> ClipInfo:
    """Read what the film at ``path`` is: a file, a folder of images, or a pattern of their names.

    Args:
        input_rate: images a second, which they don't tell by themselves.

    Raises:
        InputError: if it is missing, unreadable or has no picture, or if images have no rate, or a film has one given.
        MediaToolError: if ffprobe is missing.
    """
    if is_sequence(path):
        files = find_images(path)
        if input_rate is None:
            raise InputError(f"{path} has images, which have no times.", "Say how many a second: --input-fps 24.")
        return _image_clip(path, files, input_rate)
    _check_file(path)
    if input_rate is not None:
        raise InputError(f"{path.name} has times of its own.", "Leave --input-fps out: it is for images.")
    if is_webp_animation(path):
        return _webp_clip(path)
    if KINDS.get(path.suffix.lower()) in {"JPEG", "TIFF", "WebP"}:
        raise _one_image(path)
    header = _ffprobe(path, show_chapters=None)
    container = header["format"]["format_name"]
    video = _main_video(path, header["streams"])
    packets = _read_times(_packets(path, video["index"], "pts,dts,duration,flags"))
    return _clip_info(path, container, video, header, packets)


def _one_image(path: Path) -> InputError:
    return InputError(
        f"{path.name} is one image.", f"Give its folder, or a pattern such as '{path.parent}/*{path.suffix}'."
    )


def _image_clip(path: Path, files: tuple[Path, ...], rate: Fraction) -> ClipInfo:
    """A clip of images: all are looked at by their headers, and one of each kind of samples by ffprobe."""
    headers = read_headers(files)
    demuxer, decoder = IMAGE_TOOLS[KINDS[files[0].suffix.lower()]]
    samples = {header.samples: file for header, file in zip(headers, files, strict=True)}
    if unclear := next((file for file in samples.values() if not is_text(file)), None):
        raise InputError(f"The name of {unclear} is not valid text.", "Rename it.")
    limits = {"f": demuxer, "protocol_whitelist": "file", "format_whitelist": demuxer}
    streams = [_main_video(file, _ffprobe(file, limits)["streams"]) for file in samples.values()]
    formats = list(dict.fromkeys(stream["pix_fmt"] for stream in streams))
    common = _common_format([_pixel_format(name, decoder) for name in formats])
    full_range = any(name.startswith("yuvj") for name in formats)
    tags = _colour_tags(streams[0])
    width, height = headers[0].size
    return ClipInfo(
        path=path,
        container=IMAGES,
        stream_index=0,
        codec=decoder,
        width=width,
        height=height,
        source_format=" ".join(formats),
        decode_format=_decode_format(common, formats),
        pixel_format=common,
        colour=replace(tags, range="pc") if full_range or common.chroma is Chroma.GRAY else tags,
        light=LightInfo(),
        sample_aspect=_ratio(streams[0].get("sample_aspect_ratio", "")),
        display_matrix=None,
        time_base=1 / rate,
        rate=rate,
        packet_pts=tuple(range(len(files))),
        last_duration=1 / rate,
        variable_rate=False,
        decode_times_only=False,
        streams=(),
        chapters=(),
        field_order="progressive",
        stills=Stills(files, decoder, tuple(number / rate for number in range(len(files))), headers[0].turn),
    )


def _common_format(formats: list[PixelFormat]) -> PixelFormat:
    """One that holds the samples of all."""
    chroma = max((form.chroma for form in formats), key=RICHNESS.index)
    depth = max(form.depth for form in formats)
    alpha = any(form.alpha for form in formats)
    chroma = Chroma.RGB if alpha and chroma is Chroma.GRAY else chroma
    return next(
        form for form in PIXEL_FORMATS.values() if form.alpha == alpha and form.depth >= depth and form.chroma is chroma
    )


def _webp_clip(path: Path) -> ClipInfo:
    found = read_webp(path)
    ticks = tuple(accumulate(found.durations[:-1], initial=0))
    rate = _nominal_rate({}, list(ticks), MILLISECOND)
    return ClipInfo(
        path=path,
        container=WEBP,
        stream_index=0,
        codec=WEBP,
        width=found.width,
        height=found.height,
        source_format="rgba" if found.alpha else "rgb24",
        decode_format="rgba" if found.alpha else "gbrp",
        pixel_format=PIXEL_FORMATS["gbrap" if found.alpha else "gbrp"],
        colour=ColourTags(matrix="gbr", range="pc"),
        light=LightInfo(),
        sample_aspect=None,
        display_matrix=None,
        time_base=MILLISECOND,
        rate=rate,
        packet_pts=ticks,
        last_duration=found.durations[-1] * MILLISECOND,
        variable_rate=_is_variable(list(ticks)),
        decode_times_only=False,
        streams=(),
        chapters=(),
        field_order="progressive",
        stills=Stills((path,), None, tuple(tick * MILLISECOND for tick in ticks)),
        plays=found.plays,
    )


def packet_span(
    path: Path,
    stream_index: int,
    *,
    first_only: bool = False,
    begin: Fraction | None = None,
    end: Fraction | None = None,
    longest: Fraction | None = None,
) -> tuple[Fraction, Fraction] | None:
    """First and last moment of a stream in seconds, from its packets; None if it has none.

    Headers sometimes lie, and hide what an edit list cuts off. This reads the whole file, or no further than the
    stream's first packets.

    Args:
        begin, end: packets that end or begin outside do not count, and others only as far as they are inside.
        longest: seconds that a packet lasts at most, whatever the file says.
    """
    part = {"read_intervals": "%+#4"} if first_only else {}
    first = last = None
    for packet in _packets(path, stream_index, "pts_time,duration_time", **part):
        if "pts_time" in packet:
            start = Fraction(packet["pts_time"])
            length = Fraction(packet.get("duration_time", "0"))
            stop = start + (length if longest is None else min(length, longest))
            if (begin is not None and stop <= begin) or (end is not None and start >= end):
                continue
            start, stop = max(start, start if begin is None else begin), min(stop, stop if end is None else end)
            first = start if first is None else min(first, start)
            last = stop if last is None else max(last, stop)
    return None if first is None or last is None else (first, last)


def picture_sizes(clip: ClipInfo) -> list[int]:
    """Bytes of each picture of a clip, in the order of the file."""
    if clip.container == WEBP:
        return list(read_webp(clip.path).frame_bytes)
    if clip.stills is not None:
        return [file.stat().st_size for file in clip.stills.files]
    return [int(packet["size"]) for packet in _packets(clip.path, clip.stream_index, "size")]


def read_segment(path: Path) -> tuple[list[Fraction], str]:
    """When each frame of a segment is shown, in seconds, and what its decoder is told first, as a checksum.

    Raises:
        InputError: if it can't be read.
    """
    found = _ffprobe(
        path, select_streams="v:0", show_entries="stream=time_base,extradata_hash:packet=pts", show_data_hash="sha256"
    )
    stream = found["streams"][0]
    time_base = Fraction(stream["time_base"])
    return sorted(int(packet["pts"]) * time_base for packet in found["packets"]), stream.get("extradata_hash", "")


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist.", "Check the spelling of the path.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", "Check the path and its permissions.") from error
    if not is_text(path):
        raise InputError(f"The name of {path} is not valid text.", "Rename it.")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is not a file.", "Give one video file: it is read more than once.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} can't be read.", "Check the permissions of the file.")
    if found.st_size == 0:
        raise InputError(f"{path.name} is empty.", "Copy or download the file again.")


def _ffprobe(path: Path, limits: Mapping[str, str] = SOURCE_LIMITS, **options: Any) -> dict[str, Any]:
    program = find_tool("ffprobe")
    try:
        found: dict[str, Any] = ffmpeg.probe(source_url(path), cmd=program, v="error", **limits, **options)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "its answer makes no sense"
        raise _broken_program(program, said) from error
    except ffmpeg.Error as error:
        if REFUSED in error.stderr and path.suffix.lower() in KINDS:
            raise _one_image(path) from error
        if REFUSED in error.stderr:
            raise InputError(
                f"{path.name} is not a film.", "Give a video file such as .mp4, .mov, .mkv or .webm."
            ) from error
        raise _unreadable(path, last_line(error.stderr, path)) from error
    return found


def _packets(path: Path, stream_index: int, entries: str, **options: str) -> Iterator[dict[str, str]]:
    """What is known of each packet of a stream, one by one: a long film has too many for one answer."""
    program = find_tool("ffprobe")
    shown = {"select_streams": str(stream_index), "show_entries": f"packet={entries}", "of": "compact=p=0"}
    words = [word for name, value in {**SOURCE_LIMITS, **shown, **options}.items() for word in (f"-{name}", value)]
    try:
        process = subprocess.Popen(
            [program, "-v", "error", *words, source_url(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise _broken_program(program, error.strerror) from error
    assert process.stdout and process.stderr
    talk = StderrDrain(process.stderr)
    try:
        for line in filter(bytes.strip, process.stdout):
            fields = (field.partition("=") for field in line.decode().strip().split("|") if "=" in field)
            yield {name: value for name, _, value in fields if value != "N/A"}
        failed = process.wait() != 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        talk.join()
    if failed:
        raise _unreadable(path, last_line(talk.reason(process.returncode), path))


def _broken_program(program: str, said: str | None) -> MediaToolError:
    return MediaToolError(
        f"The program {program} does not work: {said}.", INSTALL_HINT.format(variable="IFRPLUS_FFPROBE")
    )


def _unreadable(path: Path, said: str) -> InputError:
    return InputError(
        f"{path.name} can't be read as a film: {said}.", "The file may be damaged, cut short, or not a video at all."
    )


def last_line(stderr: bytes | str, path: Path) -> str:
    """The last thing ffmpeg said, without addresses and without the path, fit to stand in a sentence."""
    text = stderr.decode("utf-8", "replace") if isinstance(stderr, bytes) else stderr
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[-1] if lines else "no reason was given"
    for name in (source_url(path), str(path.absolute()), str(path)):
        said = said.replace(f"{name}: ", "")
    if said.startswith("[") and "] " in said:
        said = said.split("] ", 1)[1]
    return said.rstrip(".")


def _main_video(path: Path, streams: list[dict[str, Any]]) -> dict[str, Any]:
    pictures = [s for s in streams if s.get("codec_type") == "video" and not s["disposition"]["attached_pic"]]
    if not pictures:
        raise InputError(f"{path.name} has no video stream.", "Give a file with a moving picture.")
    video = next((s for s in pictures if s["disposition"]["default"]), pictures[0])
    if "codec_name" not in video or video["codec_name"] == "unknown" or not video.get("width"):
        raise InputError(
            f"The installed ffmpeg has no decoder for the video in {path.name}.",
            "Install a newer ffmpeg, or convert the file first.",
        )
    if "pix_fmt" not in video or video["pix_fmt"] == "unknown":
        raise InputError(f"The video in {path.name} can't be decoded: its stream is damaged.", "Get a sound copy.")
    return video


@dataclass(frozen=True)
class _PacketTimes:
    """The shown packets of a video stream, in units of its time base.

    Attributes:
        count: how many there are.
        timed: how many of them have any time.
        times: the different times, in order.
        last_duration: of the last one, 0 if it is not stated, or the same single unit is stated for packets that lie
            further apart: ffmpeg does so where a wrong rate misleads it.
        reordered: whether any packet but the first says when it is shown, and not only when it is decoded.
    """

    count: int
    timed: int
    times: list[int]
    last_duration: int
    reordered: bool


def _read_times(packets: Iterable[dict[str, str]]) -> _PacketTimes:
    count, timed, reordered, last, last_duration = 0, 0, False, None, 0
    times: set[int] = set()
    stated: set[int] = set()
    for packet in packets:
        if "D" in packet.get("flags", ""):
            continue
        reordered = reordered or (count > 0 and "pts" in packet)
        count += 1
        known = packet.get("pts", packet.get("dts"))
        if known is not None:
            timed += 1
            times.add(int(known))
        if last is None or int(known or 0) > last:
            last, last_duration = int(known or 0), int(packet.get("duration", 0))
        stated.add(int(packet.get("duration", 0)))
    if stated <= {0, 1} and len(times) > 1 and max(times) - min(times) >= 2 * (len(times) - 1):
        last_duration = 0
    return _PacketTimes(count, timed, sorted(times), last_duration, reordered)


def _clip_info(
    path: Path, container: str, video: dict[str, Any], header: dict[str, Any], packets: _PacketTimes
) -> ClipInfo:
    time_base = Fraction(video["time_base"])
    if not packets.count:
        raise InputError(f"{path.name} has no frames in its video stream.", "The file may be damaged or empty.")
    times = packets.times
    if packets.timed < packets.count:
        times = _untimed(times, packets.count, video, time_base)
    rate = _nominal_rate(video, times, time_base)
    source_format = video["pix_fmt"]
    pixel_format = _pixel_format(source_format, video["codec_name"])
    return ClipInfo(
        path=path,
        container=container,
        stream_index=video["index"],
        codec=video["codec_name"],
        width=video["width"],
        height=video["height"],
        source_format=source_format,
        decode_format=_decode_format(pixel_format, [source_format]),
        pixel_format=pixel_format,
        colour=_colour_tags(video),
        light=_light(path, video),
        sample_aspect=_ratio(video.get("sample_aspect_ratio", "")),
        display_matrix=_display_matrix(video),
        time_base=time_base,
        rate=rate,
        packet_pts=tuple(times),
        last_duration=packets.last_duration * time_base if packets.last_duration > 0 else 1 / rate,
        variable_rate=_is_variable(times),
        decode_times_only=container in DECODE_TIMES_ONLY or not packets.reordered,
        streams=tuple(_stream_info(s) for s in header["streams"] if s["index"] != video["index"]),
        chapters=tuple(_chapter(c) for c in header.get("chapters", [])),
        field_order=video.get("field_order", "progressive"),
        plays=count_plays(path, container),
    )


def _untimed(times: list[int], count: int, video: dict[str, Any], time_base: Fraction) -> list[int]:
    """Times for packets of which some carry none: the nominal clock from the first known time."""
    start = times[0] if times else 0
    step = 1 / (_ratio(video.get("r_frame_rate", "")) or Fraction(25)) / time_base
    return [start + round(n * step) for n in range(count)]


def _pixel_format(name: str, codec: str = "") -> PixelFormat:
    """The planar format that holds the samples of format ``name`` without loss where there is one."""
    name = REPACKED.get(name, name)
    if name in PIXEL_FORMATS:
        return PIXEL_FORMATS[name]
    alpha, depth = _has_alpha(name, codec), _depth(name)
    if name.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal", "x2")):
        chroma = Chroma.RGB
    elif name.startswith(("gray", "ya", "mono")):
        chroma = Chroma.RGB if alpha else Chroma.GRAY
    else:
        chroma = Chroma.C420 if "420" in name or "410" in name else Chroma.C422 if "422" in name else Chroma.C444
    return next(
        form for form in PIXEL_FORMATS.values() if form.chroma is chroma and form.alpha == alpha and form.depth >= depth
    )


def _decode_format(pixel_format: PixelFormat, source_formats: list[str]) -> str:
    if any(name.startswith("yuvj") for name in source_formats):
        return pixel_format.name.replace("yuv", "yuvj")
    # Between packed and planar ffmpeg's scaler changes 8-bit alpha by one.
    return "rgba" if pixel_format.name == "gbrap" and "gbrap" not in source_formats else pixel_format.name


def _depth(name: str) -> int:
    if any(word in name for word in ("48", "64", "16")):
        return 16
    return 12 if name.endswith(("le", "be")) else 8


def _has_alpha(name: str, codec: str) -> bool:
    """Whether samples carry alpha that means something: what records screens leaves anything in there."""
    if name == "bgra":
        return codec == "gif"
    return (
        name.startswith(("yuva", "ayuv", "gbrap", "rgba", "argb", "abgr"))
        or name in {"ya8", "ya16le", "ya16be"}
        or (name == "pal8" and codec in DRAWN)
    )


def _colour_tags(video: dict[str, Any]) -> ColourTags:
    def known(key: str) -> str | None:
        value = video.get(key)
        return None if value in (None, "unknown", "reserved", "unspecified") else str(value)

    full = "pc" if video["pix_fmt"].startswith("yuvj") else None
    return ColourTags(
        primaries=known("color_primaries"),
        transfer=known("color_transfer"),
        matrix=known("color_space"),
        range=known("color_range") or full,
        chroma_location=known("chroma_location"),
    )


def _light(path: Path, video: dict[str, Any]) -> LightInfo:
    """What the container and, for HDR, the first frame say; some codecs keep it in their frames only."""
    told = list(video.get("side_data_list", []))
    if is_hdr(_colour_tags(video)):
        first = _ffprobe(path, select_streams=str(video["index"]), read_intervals="%+#1", show_frames=None)
        told += [data for frame in first.get("frames", [])[:1] for data in frame.get("side_data_list", [])]
    return read_light(told)


def _display_matrix(video: dict[str, Any]) -> tuple[int, ...] | None:
    for data in video.get("side_data_list", []):
        if "displaymatrix" in data:
            rows = [line.split(":", 1)[1].split() for line in data["displaymatrix"].splitlines() if ":" in line]
            return tuple(int(value) for row in rows for value in row)
    return None


def _ratio(text: str) -> Fraction | None:
    above, _, below = text.replace(":", "/").partition("/")
    if not above.isdigit() or not below.isdigit() or int(above) == 0 or int(below) == 0:
        return None
    return Fraction(int(above), int(below))


def _gaps(times: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(times)]


def _nominal_rate(video: dict[str, Any], times: list[int], time_base: Fraction) -> Fraction:
    """The stream's own rate where its frames keep to it, else the rate of the most common gap."""
    stated = [_ratio(video.get(key, "")) for key in ("r_frame_rate", "avg_frame_rate")]
    gaps = Counter(_gaps(times))
    if not gaps:
        return next((rate for rate in stated if rate), Fraction(25))
    usual = gaps.most_common(1)[0][0] * time_base
    near = [rate for rate in stated if rate and abs(1 / rate - usual) <= time_base]
    return near[0] if near else (1 / usual).limit_denominator(1001)


def _is_variable(times: list[int]) -> bool:
    """Whether gaps differ by more than a container's rounding to its time base explains."""
    gaps = _gaps(times)
    return bool(gaps) and (max(gaps) - min(gaps)) > 1


def _chapter(chapter: dict[str, Any]) -> Chapter:
    unit = Fraction(chapter["time_base"])
    return Chapter(chapter["start"] * unit, chapter["end"] * unit, tuple(chapter.get("tags", {}).items()))


def _stream_info(stream: dict[str, Any]) -> StreamInfo:
    def seconds(key: str) -> Fraction | None:
        return Fraction(stream[key]) if stream.get(key, "N/A") != "N/A" else None

    return StreamInfo(
        index=stream["index"],
        kind=stream.get("codec_type", "data"),
        codec=stream.get("codec_name", "unknown"),
        start=seconds("start_time"),
        duration=seconds("duration"),
        attached_picture=bool(stream.get("disposition", {}).get("attached_pic")),
        dispositions=tuple(name for name, held in stream.get("disposition", {}).items() if held),
    )
