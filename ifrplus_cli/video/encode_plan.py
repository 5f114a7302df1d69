"""All that is decided about a file before its first frame is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import ClipInfo, ColourTags, LightInfo, PixelFormat, Timing
from ifrplus_cli.video.containers import Container, container_for
from ifrplus_cli.video.encoders import (
    HARDWARE,
    EncodeOptions,
    choose_codec,
    choose_pix_fmt,
    encoder_facts,
    encoder_options,
    stored_matrix,
    stored_size,
    try_encoder,
)
from ifrplus_cli.video.hdr import check_shown_alone, is_hdr, light_notes
from ifrplus_cli.video.image_formats import has_alpha, stored_colour
from ifrplus_cli.video.presets import settings_for
from ifrplus_cli.video.retime import Retiming
from ifrplus_cli.video.stream_mapping import Carried, carry_streams, other_streams

# Transport streams count from wherever the transmitter's clock stood; their times say nothing about the film.
ARBITRARY_ORIGIN = {"mpegts", "mpeg"}
# Sound that ffmpeg lets begin with a packet even where an edit list says otherwise.
BEGINS_WITH_PACKET = {"vorbis"}


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
    check_pace(container, 1 / timing.rate)
    origin = origin_of(clip, stretch)
    notes: list[str] = []
    if not container.is_film:
        origin += (clip.start - origin) * stretch  # there is no sound that may come first
        timing = replace(timing, time_base=container.unit or timing.time_base)
        notes += _lost_notes(clip, container)
        clip = replace(clip, streams=(), chapters=(), light=LightInfo(), sample_aspect=None)
    codec = choose_codec(container, clip, options)
    facts = encoder_facts(codec)
    pix_fmt, said = choose_pix_fmt(clip, container, codec, facts, options)
    notes += said
    if codec.endswith(HARDWARE):
        try_encoder(codec, pix_fmt, clip)
    upright = clip.display_matrix is not None and not container.holds_display_matrix
    width, height = clip.upright_size if upright else (clip.width, clip.height)
    stored_width, stored_height = stored_size(width, height, codec, pix_fmt)
    if (stored_width, stored_height) != (width, height):
        notes.append(
            f"The picture is stored as {stored_width}x{stored_height}: {codec} needs even sizes, so its last column "
            "or row is repeated once."
        )
    if upright:
        notes.append(f"The picture is turned upright, since {name.suffix} can't store a rotation.")
    colour = stored_colour(clip, container, codec, pix_fmt)
    if (matrix := stored_matrix(colour.matrix, codec)) != colour.matrix:
        notes.append(f"The colour matrix is converted from {clip.colour.matrix} to {matrix}: VP9 can't store it.")
        colour = replace(colour, matrix=matrix)
    carried, left_out = carry_streams(clip, container, stretch=stretch, sound=options.sound)
    return EncodePlan(
        clip=clip,
        container=container,
        codec=codec,
        encoder_options=encoder_options(codec, pix_fmt, facts, options, clip, container),
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


def check_pace(container: Container, gap: Fraction) -> None:
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
