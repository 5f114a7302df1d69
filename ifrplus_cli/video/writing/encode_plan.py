"""All decisions about a file before its first frame is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pixel_formats import PixelFormat
from ifrplus_cli.values import ClipInfo, ColourTags, Timing
from ifrplus_cli.video.formats.containers import Container, check_pace
from ifrplus_cli.video.formats.hdr import check_shown_alone, light_notes
from ifrplus_cli.video.formats.image_formats import has_alpha
from ifrplus_cli.video.formats.presets import settings_for
from ifrplus_cli.video.formats.timecode import Timecode, first_timecode
from ifrplus_cli.video.other_streams.muxing_delay import with_muxing_delays
from ifrplus_cli.video.other_streams.retime import Retiming
from ifrplus_cli.video.other_streams.stream_mapping import Carried, carry_streams
from ifrplus_cli.video.writing.encoders import EncodeOptions, stored_size
from ifrplus_cli.video.writing.target import Target

# Transport streams count from wherever the transmitter's clock stood; their times say nothing about the film.
ARBITRARY_ORIGIN = {"mpegts", "mpeg"}
LATE = 10  # seconds: no film begins later on purpose, but a recorded live stream may
# Sound that ffmpeg starts with a whole packet even if an edit list says otherwise.
BEGINS_WITH_PACKET = {"vorbis"}


@dataclass(frozen=True)
class EncodePlan:
    """All decisions before the first frame is written.

    Attributes:
        width, height: size of the frames that will be written.
        stored_width, stored_height: size of the picture in the file: one more where the encoder needs even sizes.
        upright: whether frames come turned as the display matrix says, because the container can't hold one.
        colour: colours of the picture in the file.
        filters: ffmpeg filters from the clip's samples to the stored ones.
        origin: seconds that are subtracted from every time.
        stretch: factor by which everything lasts longer than in the source.
        carried: the streams that are taken along.
        timecode: of the first frame.
        notes: sentences that a person should read.
        until: moment of the output at which all streams end, even if they are longer; for a trial.
    """

    clip: ClipInfo
    target: Target
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
    filters: tuple[str, ...]
    timing: Timing
    origin: Fraction
    stretch: Fraction
    stretches_sound: bool
    carried: tuple[Carried, ...]
    timecode: Timecode | None
    notes: tuple[str, ...]
    until: Fraction | None = None

    @property
    def raw_format(self) -> PixelFormat:
        """Pixel format of the frames that are written: the clip's, without alpha if that can't be stored."""
        own = self.clip.pixel_format
        return own if has_alpha(self.pix_fmt) else own.opaque

    @property
    def retiming(self) -> Retiming:
        """How the times of all streams except the picture change."""
        section = self.clip.section
        if section is None:
            return Retiming(self.origin, stretch=self.stretch)
        return Retiming(self.origin, section.cuts_start, section.end, self.stretch)

    def begins_within_packet(self, carried: Carried) -> bool:
        """Return whether copied sound begins within a packet: the samples before are stored, but not heard."""
        stream = carried.stream
        return (
            self.retiming.cuts_start
            and self.container.hides_lead
            and (carried.codec, stream.kind) == ("copy", "audio")
            and stream.codec not in BEGINS_WITH_PACKET
        )


def plan_encode(
    clip: ClipInfo, target: Target, options: EncodeOptions, timing: Timing, stretch: Fraction = Fraction(1)
) -> EncodePlan:
    """Choose the encoder, the pixel format, and what happens to every other stream.

    Args:
        stretch: factor by which the output lasts longer than the clip.

    Raises:
        OutputError: for an unknown extension, encoder or pixel format.
        MediaToolError: if ffmpeg is missing.
    """
    container, name = target.container, Path(target.pattern.name)
    check_shown_alone(clip)
    options = _with_purpose(options, clip, name, clip.duration * stretch)
    check_pace(container, 1 / timing.rate)
    content = target.content_of(clip, timing, stretch)
    clip = content.clip
    coding = target.coding_of(clip, options)
    upright = clip.display_matrix is not None and not container.holds_display_matrix
    width, height = clip.upright_size if upright else (clip.width, clip.height)
    stored_width, stored_height = stored_size(width, height, coding.codec, coding.pix_fmt)
    notes = [*content.notes, *coding.notes]
    if (stored_width, stored_height) != (width, height):
        notes.append(
            f"The picture is stored as {stored_width}x{stored_height}: {coding.codec} needs even sizes, so its last "
            "column or row is repeated once."
        )
    if upright:
        notes.append(f"The picture is turned upright, because {name.suffix} can't store a rotation.")
    carried, left_out = carry_streams(clip, container, stretch=stretch, sound=options.sound)
    origin = content.origin
    if clip.streams and stretch == 1:  # what is left out may begin before all that is kept
        origin = origin_of(replace(clip, streams=tuple(c.stream for c in carried)))
    return EncodePlan(
        clip=clip,
        target=target,
        container=container,
        codec=coding.codec,
        encoder_options=coding.options,
        pix_fmt=coding.pix_fmt,
        width=width,
        height=height,
        stored_width=stored_width,
        stored_height=stored_height,
        upright=upright,
        colour=coding.colour,
        filters=coding.filters,
        timing=content.timing,
        origin=origin,
        stretch=stretch,
        stretches_sound=stretch != 1 and options.sound == "stretch",
        carried=with_muxing_delays(clip, container, carried),
        notes=(*clip.notes, *notes, *light_notes(clip.light), *left_out),
        timecode=first_timecode(clip, timing.rate),
    )


def _with_purpose(options: EncodeOptions, clip: ClipInfo, output: Path, duration: Fraction) -> EncodeOptions:
    """Return the options, with the settings of their purpose for those that are None."""
    if options.purpose is None:
        return options
    wanted = settings_for(options.purpose, clip, output, duration, options.codec)
    if options.codec not in (None, wanted.codec):
        raise OutputError(f"--for {options.purpose} uses the encoder {wanted.codec}.", "Leave out --codec, or --for.")
    return replace(
        options,
        codec=wanted.codec,
        crf=wanted.crf if options.crf is None else options.crf,
        pix_fmt=options.pix_fmt or wanted.pix_fmt,
        encoder_args=(*wanted.encoder_args, *options.encoder_args),
    )


def origin_of(clip: ClipInfo, stretch: Fraction = Fraction(1)) -> Fraction:
    """Return the moment of the source, in seconds, that is zero in the output: its start if its times are changed."""
    if clip.section is not None and clip.section.cuts_start:
        return clip.section.begin
    if stretch != 1:
        return _earliest(clip, "audio")
    return _earliest(clip) if has_arbitrary_origin(clip) else Fraction(0)


def has_arbitrary_origin(clip: ClipInfo) -> bool:
    """Return whether the times of a film begin anywhere: it would begin with long nothing if they were kept."""
    film = [] if clip.section is None else [clip.section.film_start]  # a section begins late in any film
    return clip.container in ARBITRARY_ORIGIN or min([_earliest(clip), *film, *(c.start for c in clip.chapters)]) > LATE


def _earliest(clip: ClipInfo, *kinds: str) -> Fraction:
    """Return when the picture or another stream of a film begins first, of these kinds or of any."""
    others = (s.start for s in clip.streams if s.start is not None and (not kinds or s.kind in kinds))
    return min([clip.start, *others])
