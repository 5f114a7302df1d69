"""What a person should know of the pixel format in which a film is stored."""

from __future__ import annotations

from collections.abc import Iterator

from ifrplus_cli.pixel_formats import PIXEL_FORMATS, Chroma, PixelFormat
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.formats.image_formats import is_rgb
from ifrplus_cli.video.formats.streams import ODD_RGB, REPACKED, little_endian, pixel_format_of

# H.264 that every player shows has 8 bits and 4:2:0.
SHOWN_EVERYWHERE = {"yuv420p", "yuvj420p", "nv12", "gray"}
PALETTES = {"pal8"}


def format_notes(clip: ClipInfo, codec: str, pix_fmt: str, purpose: str | None, *, asked: bool) -> Iterator[str]:
    """Sentences on a stored format that is not the source's, or that few players show.

    Args:
        clip: the source.
        codec: the encoder.
        pix_fmt: the stored format.
        purpose: the use of the film that was given, which chooses a format by itself.
        asked: whether a person asked for it.
    """
    if clip.source.is_video and clip.pixel_format.chroma is Chroma.RGB and not is_rgb(pix_fmt):
        own = "grey with alpha, read as RGB," if clip.source_format.startswith("ya") else "RGB"
        yield (
            f"The picture is converted from {own} to YUV by the matrix of BT.709, and stored as {pix_fmt}; "
            ".mkv with --codec ffv1 keeps RGB."
        )
    elif clip.source.is_video and not is_kept(clip.source_format):
        own = clip.pixel_format.name
        yield f"The {clip.source_format} of the source is converted to {own}, and stored as {pix_fmt}."
    if purpose and _is_poorer(pixel_format_of(pix_fmt, codec), clip.pixel_format):
        yield f"--for {purpose} stores {_kind(pix_fmt)} of the source's {_kind(clip.pixel_format.name)}."
    if codec.startswith("libx264") and pix_fmt.startswith("gray"):
        read = pix_fmt.replace("gray", "yuvj420p" if pix_fmt == "gray" and clip.colour.range == "pc" else "yuv420p")
        yield f"H.264 stores {pix_fmt} without chroma, and it is read as {read}."
    if codec.startswith(("libx264", "h264")) and pix_fmt not in SHOWN_EVERYWHERE and not asked:
        kind, codec = ("RGB", "--codec libx264 ") if is_rgb(pix_fmt) else (_kind(pix_fmt), "")
        yield f"H.264 of {kind} ({pix_fmt}) is shown by few players; {codec}--pix-fmt yuv420p makes one that all show."


def is_kept(source_format: str) -> bool:
    """Whether a format of the program's has the very samples of a source's."""
    little = little_endian(source_format)
    if little in PIXEL_FORMATS or little in REPACKED or little in PALETTES:
        return True
    return is_rgb(source_format) and not ODD_RGB.fullmatch(source_format)


def _is_poorer(stored: PixelFormat, own: PixelFormat) -> bool:
    """Whether samples are rounded or chroma planes are shrunk; what becomes of RGB is said elsewhere."""
    if own.chroma is Chroma.RGB:
        return False
    finer = {Chroma.C444: (Chroma.C422, Chroma.C420), Chroma.C422: (Chroma.C420,)}
    return stored.depth < own.depth or stored.chroma in finer.get(own.chroma, ())


def _kind(pix_fmt: str) -> str:
    chroma = next((f"4:{name[1]}:{name[2]}" for name in ("422", "444", "420") if name in pix_fmt), "grey")
    depth = next((bits for bits in ("10", "12", "14", "16") if bits in pix_fmt.removeprefix("yuv4")), "8")
    return f"{chroma} and {depth} bits"
