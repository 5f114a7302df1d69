"""How the picture is stored: films choose among many encoders, images and animations have one each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import ClipInfo, ColourTags
from ifrplus_cli.video.formats.containers import MKV, WEBM, Container
from ifrplus_cli.video.formats.format_notes import format_notes
from ifrplus_cli.video.formats.image_formats import conversion, film_colour, image_colour, image_format, image_options
from ifrplus_cli.video.reading.alpha import is_beside
from ifrplus_cli.video.writing.encoders import (
    HARDWARE,
    EncodeOptions,
    asked_pix_fmt,
    check_size,
    encoder_facts,
    encoder_named,
    encoder_options,
    film_pix_fmt,
    image_notes,
    stored_matrix,
    supported_formats,
    try_encoder,
    usual_codec,
)


@dataclass(frozen=True)
class PictureCoding:
    """How a file stores the picture.

    Attributes:
        codec: ffmpeg's name of the encoder.
        options: options of the encoder as pairs of name and value.
        pix_fmt: ffmpeg's name of the pixel format that is stored.
        colour: colours of the stored picture.
        filters: ffmpeg filters that convert the clip's samples to the stored ones; none if they are the same.
        notes: sentences for a person to read.
    """

    codec: str
    options: tuple[tuple[str, str], ...]
    pix_fmt: str
    colour: ColourTags
    filters: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def code_film(clip: ClipInfo, container: Container, options: EncodeOptions) -> PictureCoding:
    """Choose how a film stores the picture.

    Raises:
        OutputError: if the encoder or the pixel format does not exist, or can't store the clip.
        MediaToolError: if ffmpeg is missing.
    """
    codec = encoder_named(options.codec or usual_codec(container, clip))
    facts = encoder_facts(codec)
    check_size(clip, codec)
    supported = [name for name in supported_formats(facts) if container in (MKV, WEBM) or not is_beside(codec, name)]
    asked = asked_pix_fmt(codec, supported, options)
    pix_fmt, notes = (asked, ()) if asked else film_pix_fmt(clip, container, codec, supported, options)
    if codec.endswith(HARDWARE):
        try_encoder(codec, pix_fmt, clip)
    colour = film_colour(clip, pix_fmt)
    if (matrix := stored_matrix(colour.matrix, codec)) != colour.matrix:
        notes += (f"VP9 can't store the colour matrix {clip.colour.matrix}: it is converted to {matrix}.",)
        colour = replace(colour, matrix=matrix)
    filters = conversion(clip, colour, pix_fmt)
    if not filters and colour.matrix != clip.colour.matrix:
        filters = ["zscale=matrix=170m"]
    chosen = encoder_options(codec, facts, options, clip, container)
    notes += tuple(format_notes(clip, codec, pix_fmt, options.purpose, asked=options.pix_fmt is not None))
    return PictureCoding(codec, chosen, pix_fmt, colour, tuple(filters), notes)


def code_images(clip: ClipInfo, container: Container, options: EncodeOptions) -> PictureCoding:
    """Choose how images or an animation store the picture.

    Raises:
        OutputError: if the requested encoder is not that of such files, or does not take the requested pixel format.
        MediaToolError: if ffmpeg is missing.
    """
    codec = container.video_codec
    if options.codec not in (None, codec):
        raise OutputError(f"{options.codec} can't be stored in this kind of file.", "Leave out --codec.")
    facts = encoder_facts(codec)
    own, asked = clip.pixel_format, asked_pix_fmt(codec, supported_formats(facts), options)
    pix_fmt = asked or image_format(own, codec)
    colour = image_colour(codec, pix_fmt)
    chosen = encoder_options(codec, facts, options, clip, container, own=image_options(codec, pix_fmt))
    notes = () if asked else tuple(image_notes(own, codec, pix_fmt, dict(chosen).get("quality", "")))
    return PictureCoding(codec, chosen, pix_fmt, colour, tuple(conversion(clip, colour, pix_fmt)), notes)
