"""Read the properties of a film from its headers and packet times with ffprobe; nothing is decoded."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import InputError
from ifrplus_cli.pixel_formats import PIXEL_FORMATS, RICHNESS, Chroma, PixelFormat
from ifrplus_cli.system import OWN_STREAM
from ifrplus_cli.values import ClipInfo, ColourTags, LightInfo, Piece
from ifrplus_cli.video.ffmpeg import is_text
from ifrplus_cli.video.ffprobe import ask_ffprobe, one_image
from ifrplus_cli.video.formats.boxes import is_encrypted
from ifrplus_cli.video.formats.containers import MILLISECOND
from ifrplus_cli.video.formats.hdr import is_hdr, read_light
from ifrplus_cli.video.formats.images import KINDS, find_images, is_sequence, read_headers
from ifrplus_cli.video.formats.streams import (
    Track,
    chapter_of,
    colour_tags,
    decode_format_of,
    display_matrix,
    is_unclear,
    is_variable,
    main_video,
    nominal_rate,
    pixel_format_of,
    ratio,
    read_times,
    stream_info,
    untimed,
)
from ifrplus_cli.video.formats.webp import count_plays, is_webp_animation, read_webp
from ifrplus_cli.video.packets import read_all, with_whole_picture
from ifrplus_cli.video.reading.alpha import alpha_decoder
from ifrplus_cli.video.reading.clock_resets import find_pieces
from ifrplus_cli.video.reading.cut_short import cut_short_notes
from ifrplus_cli.video.reading.describe import FRAMES_SEEN, describe
from ifrplus_cli.video.reading.sources import FileSource, ImagesSource, WebpSource

# ffmpeg's demuxer of one image, and its decoder. Naming the demuxer keeps ffmpeg from trying others on the file.
IMAGE_TOOLS = {
    "PNG": ("png_pipe", "png"),
    "JPEG": ("jpeg_pipe", "mjpeg"),
    "WebP": ("webp_pipe", "webp"),
    "TIFF": ("tiff_pipe", "tiff"),
}
IMAGES, WEBP = "images", "webp"  # in place of a demuxer's name
ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/", re.IGNORECASE)
# Demuxers that know when to decode a frame but not when to show it.
DECODE_TIMES_ONLY = {"avi"}
# How far ffprobe reads in search of a picture; by itself it gives up after 5 MB, which may be sound alone.
FARTHER: dict[str, Any] = {"probesize": "500M", "analyzeduration": "2G"}
# Codecs whose frames carry captions, how two eyes' pictures are packed, and the like.
TELLING_FRAMES = {"h264", "hevc", "vvc", "av1", "mpeg1video", "mpeg2video"}


def probe(
    path: Path, input_rate: Fraction | None = None, *, read_frames: bool = True, read_sound: bool = False
) -> ClipInfo:
    """Read the properties of a film: of a file, a folder of images, or a pattern of their names.

    Args:
        input_rate: frame rate of an image sequence, which images don't state.
        read_frames: whether to read what only the first frames of a file may say: captions, light, two eyes' pictures.
        read_sound: whether to read the packets of sound with those of the picture, for who needs both: that is one
            pass over a file, but a longer one.

    Raises:
        InputError: if the film is missing, unreadable or has no picture; if images lack a rate, or a file is given one.
        MediaToolError: if ffprobe is missing.
    """
    if is_sequence(path):
        files = find_images(path)
        if input_rate is None:
            raise InputError(f"{path} has images, which state no frame rate.", "Give one, such as --input-fps 24.")
        return _image_clip(path, files, input_rate)
    _check_file(path)
    animated = is_webp_animation(path)
    if not animated and KINDS.get(path.suffix.lower()) in {"JPEG", "TIFF", "WebP"}:
        raise one_image(path)
    header, tracks = ({}, {}) if animated else _ask(path, read_sound=read_sound)
    if input_rate is not None:
        raise InputError(f"{path.name} has its own frame rate.", "Leave --input-fps out: it is for images.")
    if animated:
        return _webp_clip(path)
    container = header["format"]["format_name"]
    if "mov" in container and is_encrypted(path):
        raise InputError(f"{path.name} is encrypted.", "Give a copy without encryption (DRM).")
    video = main_video(path, header["streams"])
    found = find_pieces(path, container, header["streams"], video["index"])
    if found.pieces:
        header, tracks = _ask(path, found.pieces, read_sound=read_sound)
        video = main_video(path, header["streams"])
    frames = _first_frames(path, video) if read_frames else []
    clip = _clip_info(path, container, video, header, with_whole_picture(path, video, tracks, found.pieces), frames)
    clip = replace(clip, pieces=found.pieces, breaks=found.breaks)
    return replace(clip, notes=(*found.notes, *cut_short_notes(clip, header)))


def _ask(path: Path, pieces: Sequence[Piece] = (), *, read_sound: bool) -> tuple[dict[str, Any], Mapping[int, Track]]:
    """Return what ffprobe says of a file, and the packets of its streams if those of sound are to be read."""
    header, tracks = (
        read_all(path, pieces) if read_sound else (ask_ffprobe(path, pieces=pieces, show_chapters=None), {})
    )
    if any(is_unclear(stream) for stream in header["streams"]):
        header = ask_ffprobe(path, pieces=pieces, show_chapters=None, **FARTHER)
    return header, tracks


def _image_clip(path: Path, files: tuple[Path, ...], rate: Fraction) -> ClipInfo:
    """Return the clip of an image sequence; all headers are read, and ffprobe reads one image per kind of samples."""
    headers = read_headers(files)
    demuxer, decoder = IMAGE_TOOLS[KINDS[files[0].suffix.lower()]]
    samples = {header.samples: file for header, file in zip(headers, files, strict=True)}
    if unclear := next((file for file in samples.values() if not is_text(file)), None):
        raise InputError(f"The name of {unclear} is not valid text.", "Rename it.")
    limits = {"f": demuxer, "protocol_whitelist": "file", "format_whitelist": demuxer}
    streams = [main_video(file, ask_ffprobe(file, limits)["streams"]) for file in samples.values()]
    formats = list(dict.fromkeys(stream["pix_fmt"] for stream in streams))
    common = _common_format([pixel_format_of(name, decoder) for name in formats])
    full_range = any(name.startswith("yuvj") for name in formats)
    tags = colour_tags(streams[0])
    width, height = headers[0].size
    return ClipInfo(
        path=path,
        source=ImagesSource(files, decoder, tuple(number / rate for number in range(len(files))), headers[0].turn),
        container=IMAGES,
        stream_index=0,
        codec=decoder,
        width=width,
        height=height,
        source_format=" ".join(formats),
        decode_format=decode_format_of(common, formats),
        pixel_format=common,
        colour=replace(tags, range="pc") if full_range or common.chroma is Chroma.GRAY else tags,
        light=LightInfo(),
        sample_aspect=ratio(streams[0].get("sample_aspect_ratio", "")),
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
    )


def _common_format(formats: list[PixelFormat]) -> PixelFormat:
    """Return a format that can hold the samples of all."""
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
    rate = nominal_rate({}, list(ticks), MILLISECOND)
    return ClipInfo(
        path=path,
        source=WebpSource(path, (found.width, found.height), tuple(tick * MILLISECOND for tick in ticks), found.plays),
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
        variable_rate=is_variable(list(ticks)),
        decode_times_only=False,
        streams=(),
        chapters=(),
        field_order="progressive",
    )


def read_segment(path: Path) -> tuple[list[Fraction], str]:
    """Return the time of each frame of a segment in seconds, and the checksum of its codec header (extradata).

    Raises:
        InputError: if it can't be read.
    """
    found = ask_ffprobe(
        path, select_streams="v:0", show_entries="stream=time_base,extradata_hash:packet=pts", show_data_hash="sha256"
    )
    stream = found["streams"][0]
    time_base = Fraction(stream["time_base"])
    return sorted(int(packet["pts"]) * time_base for packet in found["packets"]), stream.get("extradata_hash", "")


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if ADDRESS.match(str(path)):
            address = str(path).replace(":/", "://", 1)  # a path has lost one of the slashes
            hint = "Download it first: a film is read more than once, and checked at its end."
            raise InputError(f"{address} is an address, and only files are opened.", hint) from None
        raise InputError(f"{path} does not exist.", "Check the spelling of the path.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", "Check the path and its permissions.") from error
    if OWN_STREAM.fullmatch(str(path)):
        raise InputError(f"{path} is this program's own: ffmpeg would find another.", "Use - to read standard input.")
    if not is_text(path):
        raise InputError(f"The name of {path} is not valid text.", "Rename it.")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is not a file.", "Give one video file: it is read more than once.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} can't be read.", "Check the permissions of the file.")
    if found.st_size == 0:
        raise InputError(f"{path.name} is empty.", "Copy or download the file again.")


def _clip_info(
    path: Path,
    container: str,
    video: dict[str, Any],
    header: dict[str, Any],
    tracks: Mapping[int, Track],
    frames: list[dict[str, Any]],
) -> ClipInfo:
    time_base, packets = Fraction(video["time_base"]), read_times(tracks[video["index"]])
    if not packets.count:
        raise InputError(f"{path.name} has no frames in its video stream.", "The file may be damaged or empty.")
    times = packets.times
    if packets.timed < packets.count:
        times = untimed(times, packets.count, video, time_base)
    rate = nominal_rate(video, times, time_base)
    decoder = alpha_decoder(video)
    source_format = "yuva420p" if decoder else video["pix_fmt"]
    pixel_format = pixel_format_of(source_format, video["codec_name"])
    return ClipInfo(
        path=path,
        source=FileSource(path, count_plays(path, container)),
        container=container,
        stream_index=video["index"],
        codec=video["codec_name"],
        width=video["width"],
        height=video["height"],
        source_format=source_format,
        decode_format=decode_format_of(pixel_format, [source_format]),
        pixel_format=pixel_format,
        colour=colour_tags(video),
        light=_light(video, frames),
        sample_aspect=ratio(video.get("sample_aspect_ratio", "")),
        display_matrix=display_matrix(video),
        time_base=time_base,
        rate=rate,
        packet_pts=tuple(times),
        last_duration=packets.last_duration * time_base if packets.last_duration > 0 else 1 / rate,
        variable_rate=is_variable(times),
        decode_times_only=container in DECODE_TIMES_ONLY or not packets.reordered,
        streams=tuple(stream_info(s, tracks.get(s["index"])) for s in header["streams"] if s is not video),
        chapters=tuple(chapter_of(c) for c in header.get("chapters", [])),
        field_order=video.get("field_order", "progressive"),
        description=describe(path, container, video, header, frames),
        decoder=decoder,
    )


def _first_frames(path: Path, video: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ffprobe's facts of the first frames: captions, light and the like are often in them alone."""
    if video["codec_name"] not in TELLING_FRAMES and not is_hdr(colour_tags(video)):
        return []
    stream, part = str(video["index"]), f"%+#{FRAMES_SEEN}"
    facts = ask_ffprobe(path, select_streams=stream, read_intervals=part, show_frames=None)
    frames: list[dict[str, Any]] = facts.get("frames", [])
    return frames


def _light(video: dict[str, Any], frames: list[dict[str, Any]]) -> LightInfo:
    """Return the HDR metadata of the container and, for HDR, of the first frame: some codecs keep it only there."""
    first = frames[:1] if is_hdr(colour_tags(video)) else []
    return read_light([*video.get("side_data_list", []), *(d for f in first for d in f.get("side_data_list", []))])
