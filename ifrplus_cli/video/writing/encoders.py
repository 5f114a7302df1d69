"""Choose among ffmpeg's encoders: which one stores a film, in which pixel format, and with which options."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from ifrplus_cli.errors import MediaToolError, OutputError
from ifrplus_cli.pixel_formats import PIXEL_FORMATS, RICHNESS, Chroma, PixelFormat, named
from ifrplus_cli.suggestions import did_you_mean
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffmpeg import INSTALL_HINT, find_tool
from ifrplus_cli.video.formats.containers import Container
from ifrplus_cli.video.formats.hdr import is_hdr, light_options
from ifrplus_cli.video.formats.image_formats import film_format, is_rgb
from ifrplus_cli.video.formats.stereo import packing_options

# Constant quality at which no detail is lost to the eye, for encoders that have it.
DEFAULT_CRF = {
    "libx264": 16.0, "libx264rgb": 16.0, "libx265": 18.0, "libsvtav1": 24.0, "libvpx-vp9": 24.0, "libvpx": 8.0,
}  # fmt: skip
VP8_RATE = "200M"  # its quality counts only below a rate; 0 would stand for 256 kbit/s
# Encoders that need hardware, by the ends of their names, and settings of about the same quality.
HARDWARE_QUALITY = {"_nvenc": (("cq", "19"), ("b", "0")), "_qsv": (("global_quality", "20"),)}
RATES = {"b", "b:v", "qp", "q", "q:v", "crf"}  # ffmpeg's options that say how much is stored
HARDWARE = (*HARDWARE_QUALITY, "_vaapi", "_v4l2m2m", "_omx", "_amf", "_videotoolbox")
DEFAULT_PRESET = {"libx264": "medium", "libx264rgb": "medium", "libx265": "medium", "libsvtav1": "8"}
BEST_WEBP = "100"  # its highest quality
# Encoders that take odd widths and heights with subsampled chroma.
TAKES_ODD_SIZES = {"ffv1", "ffvhuff", "huffyuv", "libvpx", "libvpx-vp9", "libaom-av1", "mjpeg", "png", "rawvideo"}
# Matrices that VP9's own header can't state; players believe it rather than the container.
NOT_IN_VP9 = {"fcc", "ycgco", "bt2020c"}
# The one of them that has a close relative in VP9.
CONVERTED_MATRIX = {"fcc": "smpte170m"}
SMALLEST = {"dnxhd": (256, 120)}  # width and height that an encoder takes
# Names of formats and of programs, and the encoder that makes such a film.
MEANT = {
    **dict.fromkeys(("x264", "avc", "h.264", "H264", "H.264"), "libx264"),
    **dict.fromkeys(("h265", "x265", "hevc", "h.265", "H265", "H.265", "HEVC"), "libx265"),
    **dict.fromkeys(("vp9", "VP9", "vpx-vp9"), "libvpx-vp9"),
    **dict.fromkeys(("av1", "AV1", "svtav1", "svt-av1"), "libsvtav1"),
    **dict.fromkeys(("dnxhr", "DNxHR", "DNxHD"), "dnxhd"),
    **dict.fromkeys(("ProRes", "prores422"), "prores_ks"),
}
# Packed ffmpeg formats that hold the samples of a planar one.
PACKED = {
    "gbrp": ("bgr0", "bgr24", "rgb24", "0rgb"),
    "gbrap": ("bgra", "rgba", "argb"),
    "gbrp16le": ("rgb48le", "rgb48be"),
    "gbrap16le": ("rgba64le", "rgba64be"),
}


@dataclass(frozen=True)
class EncodeOptions:
    """The options of encoding; None leaves the choice to the program.

    Attributes:
        sound: what happens to the sound in slow motion: ``stretch``, ``keep`` or ``drop``.
        purpose: one of ``PURPOSES``, whose settings apply to the options that are None.
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    encoder_args: tuple[tuple[str, str], ...] = ()
    sound: str = "stretch"
    purpose: str | None = None


def usual_codec(container: Container, clip: ClipInfo) -> str:
    """Return a container's usual encoder; H.265 for pictures that players don't expect in H.264 or it can't store."""
    if container.video_codec != "libx264":
        return container.video_codec
    wanted = film_format(clip, container)
    rgb = wanted.chroma is Chroma.RGB
    converted = wanted != clip.pixel_format
    if is_hdr(clip.colour) or wanted.depth > (8 if rgb or converted else 10):
        return "libx265"
    return "libx264rgb" if rgb else "libx264"


def encoder_facts(codec: str) -> str:
    """Return the text of ``ffmpeg -h encoder=...``, with an encoder's options and pixel formats.

    Raises:
        OutputError: if ffmpeg has no such encoder.
        MediaToolError: if ffmpeg is missing or does not work.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", codec):
        raise OutputError(f"{codec} is not the name of an encoder.", "See ffmpeg -encoders for the names.")
    text = _encoder_help(find_tool("ffmpeg"), codec)
    known = any(f"Encoder {name} [" in text for name in (codec, f"lib{codec}")) or "pixel formats" in text
    if not known or "Supported sample" in text:
        meant = f"Did you mean {MEANT[codec]}?" if codec in MEANT else did_you_mean(codec, video_encoders())
        hint = meant or "See ffmpeg -encoders for the names."
        raise OutputError(f"The installed ffmpeg has no video encoder named {codec}.", hint)
    return text


def encoder_named(codec: str) -> str:
    """Return the encoder that ffmpeg takes for the name of a format, such as libx264 for h264; others as they are.

    Raises:
        OutputError, MediaToolError: as for ``encoder_facts``.
    """
    found = re.findall(r"^Encoder (\S+) \[", encoder_facts(codec), re.MULTILINE)
    return found[0] if found and codec not in found else codec


def video_encoders() -> tuple[str, ...]:
    """Return the names of all video encoders of the installed ffmpeg; none if it is missing or does not work."""
    try:
        command = [find_tool("ffmpeg"), "-hide_banner", "-encoders"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except (MediaToolError, OSError):
        return ()
    return tuple(re.findall(r"^ V\S+ (\S+) ", done.stdout.decode("utf-8", "replace"), re.MULTILINE))


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


def check_size(clip: ClipInfo, codec: str) -> None:
    """Refuse a picture that is too small for an encoder.

    Raises:
        OutputError: for DNxHD and DNxHR below 256x120.
    """
    least = SMALLEST.get(codec)
    if least and (clip.width < least[0] or clip.height < least[1]):
        raise OutputError(
            f"{codec} takes no picture smaller than {least[0]}x{least[1]}, and this one is {clip.width}x{clip.height}.",
            "Choose another --codec, such as prores_ks.",
        )


def try_encoder(codec: str, pix_fmt: str, clip: ClipInfo) -> None:
    """Encode grey frames as a trial: an encoder can be built in although the hardware that it needs is missing.

    Raises:
        OutputError: if the trial fails.
    """
    grey = f"color=gray:size={max(clip.width, 256)}x{max(clip.height, 256)}:rate=25"
    command = [find_tool("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", grey]
    command += ["-frames:v", "2", "-c:v", codec, "-pix_fmt", pix_fmt, "-f", "null", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason was given"]
        reason = lines[0].split("] ", 1)[-1].rstrip(".")
        raise OutputError(f"{codec} does not work on this machine: {reason}.", "Leave out --codec to use the CPU.")


def supported_formats(facts: str) -> list[str]:
    """Return the pixel formats that an encoder takes, from the text of ``encoder_facts``; none if it lists none."""
    listed = re.search(r"Supported pixel formats: (.*)", facts)
    return listed[1].split() if listed else []


def asked_pix_fmt(codec: str, supported: Sequence[str], options: EncodeOptions) -> str | None:
    """Return the pixel format that a person requests; None if there is no request.

    Raises:
        OutputError: if the encoder does not take it.
    """
    if options.pix_fmt is not None and supported and options.pix_fmt not in supported:
        raise OutputError(f"{codec} can't store {options.pix_fmt}.", f"It takes: {' '.join(supported)}.")
    return options.pix_fmt


def film_pix_fmt(
    clip: ClipInfo, container: Container, codec: str, supported: Sequence[str], options: EncodeOptions
) -> tuple[str, tuple[str, ...]]:
    """Return the pixel format in which a film stores a clip's picture, and notes for a person."""
    own = clip.pixel_format
    keeps_rgb = options.codec is not None and any(is_rgb(name) for name in supported)
    wanted = own if keeps_rgb else film_format(clip, container)
    for form in dict.fromkeys((wanted, *_with_alpha(wanted, supported), wanted.opaque)):
        if found := _stored_as(form, clip, codec, supported):
            return found, tuple(_film_notes(clip, wanted, form, codec, found))
    chosen = _nearest(wanted, supported)
    return chosen, (f"The picture is stored as {chosen}: {codec} can't store {own.name}.",)


def _with_alpha(wanted: PixelFormat, supported: Sequence[str]) -> Iterator[PixelFormat]:
    """Yield formats that keep the alpha of one: it counts for more than depth, and than chroma."""
    if wanted.alpha and supported:
        yield named(wanted.chroma, 8, alpha=True)
        nearest = PIXEL_FORMATS.get(_nearest(wanted, supported), wanted)
        yield from [nearest] if nearest.alpha else []


def _film_notes(clip: ClipInfo, wanted: PixelFormat, chosen: PixelFormat, codec: str, found: str) -> Iterator[str]:
    own = clip.pixel_format
    if chosen.depth < wanted.depth:
        yield (
            f"The picture is stored as {found}, with {chosen.depth} bits instead of {wanted.depth}: "
            f"{codec} can't store {wanted.name}."
        )
    elif chosen.alpha and chosen.chroma is not wanted.chroma:
        yield f"The picture is stored as {found}: {codec} can't store {wanted.name}."
    if wanted is not own and not clip.source.is_video:
        yield f"{own.name} is stored as {found}, as players expect; --codec ffv1 in .mkv keeps it."
    if codec == "mjpeg" and clip.colour.range != "pc":
        yield "The picture is stored in full range: mjpeg has no other."


def _stored_as(form: PixelFormat, clip: ClipInfo, codec: str, supported: Sequence[str]) -> str | None:
    """Return the name under which an encoder stores samples of a format; None if it can't."""
    full_range = form.name.replace("yuv", "yuvj")
    if full_range in supported and (codec == "mjpeg" or (clip.colour.range == "pc" and form.name not in supported)):
        return full_range
    if form.name in supported or not supported:
        return form.name
    return next((name for name in PACKED.get(form.name, ()) if name in supported), None)


def image_notes(own: PixelFormat, codec: str, chosen: str, quality: str) -> Iterator[str]:
    """Yield notes on what images and animations lose of a clip's samples; ``quality`` is that of WebP, to 100."""
    if codec == "gif":
        yield "GIF holds 256 colours, and times in hundredths of a second: up to 50 frames per second."
    elif own.depth > 8 and not any(word in chosen for word in ("16", "48", "64")):
        yield f"The picture is stored with 8 bits instead of {own.depth}."
    if codec == "mjpeg":
        yield "JPEG is lossy; PNG and TIFF are not."
    if codec.startswith("libwebp") and chosen != "bgra":
        better = "" if quality == BEST_WEBP else f"; --encoder-arg quality={BEST_WEBP} gives the best quality"
        yield f"WebP is lossy here, at quality {quality}{better}."


def _nearest(own: PixelFormat, supported: Sequence[str]) -> str:
    """Return the format that loses least: keep alpha, then the same chroma in the nearest depth, else most chroma."""
    known = [PIXEL_FORMATS[name] for name in supported if name in PIXEL_FORMATS]
    known = [f for f in known if f.alpha and own.alpha] or [f for f in known if not f.alpha]
    same = [f for f in known if f.chroma is own.chroma]
    richest = [f for f in known if f.chroma is not Chroma.GRAY or own.chroma is Chroma.GRAY]
    most_first = 1 if own.chroma is Chroma.GRAY else -1
    for candidates in (same, sorted(richest, key=lambda f: most_first * RICHNESS.index(f.chroma))):
        if candidates:
            return min(candidates, key=lambda f: (abs(f.depth - own.depth), -f.depth)).name
    return supported[0]


def stored_size(width: int, height: int, codec: str, pix_fmt: str) -> tuple[int, int]:
    """Return width and height, rounded up to sizes that the encoder takes."""
    if codec in TAKES_ODD_SIZES:
        return width, height
    even_width = any(chroma in pix_fmt for chroma in ("420", "422", "nv", "p010"))
    even_height = any(chroma in pix_fmt for chroma in ("420", "nv12", "nv21", "p010"))
    return width + width % 2 * even_width, height + height % 2 * even_height


def stored_matrix(own: str | None, codec: str) -> str | None:
    """Return the matrix that the file will have.

    Raises:
        OutputError: if the encoder can store neither the source's matrix nor a close relative.
    """
    if own not in NOT_IN_VP9 or not codec.startswith("libvpx"):
        return own
    if own not in CONVERTED_MATRIX:
        raise OutputError(f"VP9 can't store the colour matrix {own}.", "Write to .mp4 or .mkv instead.")
    return CONVERTED_MATRIX[own]


def encoder_options(
    codec: str,
    facts: str,
    options: EncodeOptions,
    clip: ClipInfo,
    container: Container,
    own: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[str, str], ...]:
    """Return an encoder's options by name: those of its kind of file, the requested ones, and defaults.

    Args:
        facts: the text of ``encoder_facts``.
        own: options of the kind of file, which all others replace.

    Raises:
        OutputError: for a quality or a preset if the encoder has no such option.
    """
    chosen = dict(own)
    rated = any(name in RATES for name, _ in options.encoder_args)
    crf = options.crf if options.crf is not None or rated else DEFAULT_CRF.get(codec)
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
    if codec == "libvpx-vp9":
        chosen |= {"b": "0", "row-mt": "1"}
    if codec == "libvpx":
        chosen["b"] = VP8_RATE
    if preset is not None:
        chosen["preset"] = preset
    if codec == "libx265" and container.holds_display_matrix:
        chosen["tag"] = "hvc1"  # the name that Apple's players ask for in mp4 and mov
    said = (light_options(codec, clip.light), packing_options(codec, clip.description.stereo))
    for name, value in (*(option for each in said for option in each.items()), *options.encoder_args):
        both = name.endswith("-params") and name in chosen
        chosen[name] = f"{chosen[name]}:{value}" if both else value
    return tuple(chosen.items())
