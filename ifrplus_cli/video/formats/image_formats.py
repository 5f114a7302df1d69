"""How images, animations, and films made from them store pictures: pixel formats, colours, encoder options."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

from ifrplus_cli.errors import OutputError
from ifrplus_cli.frames.colour import assumed_matrix
from ifrplus_cli.pixel_formats import Chroma, PixelFormat, named
from ifrplus_cli.values import HALF, ClipInfo, ColourTags, Timing
from ifrplus_cli.video.formats.containers import CENTISECOND, MOV, MP4, Container

JPEG = ColourTags(matrix="bt470bg", range="pc")  # as JFIF has it
LOSSY_WEBP = ColourTags(matrix="bt470bg", range="tv")
WIDE_FORMATS = {"png": "be", "apng": "be", "tiff": "le"}  # byte order of 16-bit samples
# The most exact settings of ffmpeg's scaler: without them it loses a code or more.
SCALER = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
SCALER_MATRICES = {
    "bt709": "bt709",
    "fcc": "fcc",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
# zimg converts more than 8 bits, because ffmpeg's own scaler drops the bits beyond 8 on the way to RGB.
ZIMG_MATRICES = {
    "bt709": "709",
    "fcc": "fcc",
    "bt470bg": "470bg",
    "smpte170m": "170m",
    "smpte240m": "240m",
    "bt2020nc": "2020_ncl",
    "bt2020c": "2020_cl",
}
MJPEG_CHROMA = {"yuv420p", "yuv422p", "yuv444p"}


def image_format(own: PixelFormat, codec: str) -> str:
    """Return the pixel format in which an encoder of images or animations stores a clip's pictures."""
    if codec == "gif":
        return "bgra"  # the palette is made from these samples
    if codec == "mjpeg":
        return f"yuvj{own.opaque.name[3:]}" if own.opaque.name in MJPEG_CHROMA else "yuvj444p"
    if codec in WIDE_FORMATS:
        stem = "gray" if own.chroma is Chroma.GRAY else "rgba" if own.alpha else "rgb"
        deep = {"gray": "gray16", "rgb": "rgb48", "rgba": "rgba64"}[stem] + WIDE_FORMATS[codec]
        return deep if own.depth > 8 else {"rgb": "rgb24"}.get(stem, stem)
    if own.chroma in (Chroma.RGB, Chroma.GRAY):
        return "bgra"
    return "yuva420p" if own.alpha else "yuv420p"


def film_format(clip: ClipInfo, container: Container) -> PixelFormat:
    """Return the pixel format in which a film should store the clip.

    Images, and RGB in mp4 and mov, become YUV, which every player shows.
    """
    own = clip.pixel_format
    turned = {Chroma.RGB} if container in (MP4, MOV) else set()
    if own.chroma not in (turned if clip.source.is_video else {Chroma.RGB, Chroma.GRAY}):
        return own
    depth = 8 if own.depth == 8 else 10
    name = ("yuva420p" if own.alpha else "yuv420p") + ("" if depth == 8 else "10le")
    return PixelFormat(name, Chroma.C420, depth, own.alpha)


def image_options(codec: str, pix_fmt: str) -> tuple[tuple[str, str], ...]:
    """Return the options of an image encoder: lossless if the samples allow it, and almost so otherwise."""
    if codec in {"libwebp", "libwebp_anim"}:
        return (("lossless", "1"),) if pix_fmt == "bgra" else (("quality", "90"),)
    if codec == "tiff":
        return (("compression_algo", "deflate"),)
    return (("q", "2"),) if codec == "mjpeg" else ()


def gif_options(plays: int, last: Fraction, timing: Timing) -> dict[str, object]:
    """Return the options of ffmpeg's muxer for a GIF; its loop count is the number of repetitions.

    Args:
        plays: number of times the GIF is to be played, 0 for ever.
        last: time of the last frame, in seconds.
    """
    delay = _centiseconds(last + timing.last_duration) - _centiseconds(last)
    return {"loop": {0: 0, 1: -1}.get(plays, plays - 1), "final_delay": max(2, delay)}


def apng_options(plays: int, timing: Timing) -> dict[str, object]:
    """Return the options of ffmpeg's muxer for an animated PNG; ``plays`` is as for ``gif_options``."""
    rest = timing.last_duration.limit_denominator(10_000)
    return {"plays": plays, "final_delay": f"{rest.numerator}/{rest.denominator}"}


def webp_options(plays: int) -> dict[str, object]:
    """Return the options of ffmpeg's muxer for an animated WebP; ``plays`` is as for ``gif_options``."""
    return {"loop": plays}


def _centiseconds(time: Fraction) -> int:
    """Round a time to centiseconds as ffmpeg does: halves up."""
    return floor(time / CENTISECOND + HALF)


def is_rgb(pix_fmt: str) -> bool:
    """Return whether the samples of an ffmpeg pixel format are red, green and blue."""
    return pix_fmt.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr"))


def has_alpha(pix_fmt: str) -> bool:
    """Return whether an ffmpeg pixel format, among those that are written, has alpha."""
    return pix_fmt.startswith(("yuva", "gbrap", "rgba", "bgra", "argb", "abgr"))


def image_colour(codec: str, pix_fmt: str) -> ColourTags:
    """Return the colours of images and animations, which the files don't state."""
    if not pix_fmt.startswith("yuv"):
        return ColourTags(range="pc")
    return JPEG if codec == "mjpeg" else LOSSY_WEBP


def film_colour(clip: ClipInfo, pix_fmt: str) -> ColourTags:
    """Return the colour tags of a film's stored picture."""
    own = clip.colour
    if converts(clip, pix_fmt) and is_rgb(pix_fmt):
        return replace(own, matrix="gbr", range="pc")
    if converts(clip, pix_fmt):
        full = "pc" if pix_fmt.startswith("yuvj") else "tv"
        return ColourTags(own.primaries or "bt709", own.transfer or "iec61966-2-1", "bt709", full)
    return own


def converts(clip: ClipInfo, pix_fmt: str) -> bool:
    """Return whether the picture is converted from RGB, or from grey images, to YUV, or the other way."""
    chroma = clip.pixel_format.chroma
    if chroma is Chroma.GRAY:
        return not clip.source.is_video and not pix_fmt.startswith("gray")
    return (chroma is Chroma.RGB) != is_rgb(pix_fmt)


def conversion(clip: ClipInfo, colour: ColourTags, pix_fmt: str) -> list[str]:
    """Return the ffmpeg filters that convert a clip's pictures to the stored colours; none if these are its own.

    Raises:
        OutputError: if ffmpeg can't convert the clip's matrix.
    """
    own, form = clip.colour, clip.pixel_format
    full = form.chroma is Chroma.RGB or own.range == "pc"
    if form.chroma is Chroma.GRAY and not full and colour.range == "pc":
        step = 2 ** (form.depth - 8)
        whole = 2**form.depth - 1
        stretched = rf"lut=c0=round(clip((val-{16 * step})*{whole}/{219 * step}\,0\,{whole}))"
        turned = [] if pix_fmt.startswith("gray") else ["setparams=range=pc", f"scale={SCALER}", f"format={pix_fmt}"]
        return [stretched, *turned]
    other_depth = form.chroma is Chroma.GRAY and pix_fmt != form.name and own.range == "tv"
    if pix_fmt.startswith("gray") and (other_depth or form.chroma not in (Chroma.GRAY, Chroma.RGB)):
        kept = "pc" if full else "tv"  # luma as it is; ffmpeg by itself makes it full range
        return [f"scale={SCALER}:in_range={kept}:out_range={kept}", f"format={pix_fmt}", f"setparams=range={kept}"]
    same = (own.matrix, full) == (colour.matrix, colour.range == "pc")
    if not converts(clip, pix_fmt) and (same or form.chroma in (Chroma.RGB, Chroma.GRAY)):
        return []
    grey_or_rgb = form.chroma in (Chroma.RGB, Chroma.GRAY)
    source = "gbr" if grey_or_rgb else _known_matrix(own.matrix, clip.height)
    target = "gbr" if is_rgb(pix_fmt) else _known_matrix(colour.matrix, clip.height)
    ranges = "pc" if full else "tv", colour.range or "tv"
    scaled = _by_scaler if form.depth == 8 or form.chroma is Chroma.GRAY else _by_zimg
    return [*scaled(source, target, ranges, form), f"format={pix_fmt}", _described(colour, pix_fmt)]


def _by_scaler(source: str, target: str, ranges: tuple[str, str], _: PixelFormat) -> list[str]:
    options = [SCALER, f"in_range={ranges[0]}", f"out_range={ranges[1]}"]
    for name, matrix in (("in_color_matrix", source), ("out_color_matrix", target)):
        if matrix != "gbr":
            options.append(f"{name}={SCALER_MATRICES[matrix]}")
    return [f"scale={':'.join(options)}"]


def _by_zimg(source: str, target: str, ranges: tuple[str, str], form: PixelFormat) -> list[str]:
    names = {**ZIMG_MATRICES, "gbr": "gbr"}
    source_range, target_range = ({"pc": "full", "tv": "limited"}[name] for name in ranges)
    # zscale takes no odd sizes with subsampled chroma.
    whole = [] if form.chroma is Chroma.RGB else [f"format={named(Chroma.C444, form.depth, alpha=form.alpha).name}"]
    between = named(Chroma.RGB if target == "gbr" else Chroma.C444, 16, alpha=form.alpha)
    return [
        *whole,
        f"zscale=matrixin={names[source]}:matrix={names[target]}:rangein={source_range}:range={target_range}",
        f"format={between.name}",
    ]


def _described(colour: ColourTags, pix_fmt: str) -> str:
    tags = {
        "range": colour.range,
        "color_primaries": colour.primaries,
        "color_trc": colour.transfer,
        "colorspace": "gbr" if is_rgb(pix_fmt) else colour.matrix,
    }
    return f"setparams={':'.join(f'{name}={value}' for name, value in tags.items() if value)}"


def _known_matrix(name: str | None, height: int) -> str:
    """Return a matrix that can be converted: the named one, or the one that players assume if none is stated."""
    if name in (None, "gbr"):
        return assumed_matrix(height)
    if name not in SCALER_MATRICES:
        raise OutputError(f"The colour matrix {name} can't be converted.", "Write a film in .mkv with --codec ffv1.")
    return name
