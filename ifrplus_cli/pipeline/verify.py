"""Compare a finished file with the promise that was made before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline.losses import loss_notes
from ifrplus_cli.pipeline.sound_check import sound_faults, used_span
from ifrplus_cli.pixel_formats import Chroma
from ifrplus_cli.values import ClipInfo, ColourTags, LightInfo
from ifrplus_cli.video.formats.containers import MILLISECOND
from ifrplus_cli.video.formats.hdr import light_faults
from ifrplus_cli.video.other_streams.stream_mapping import Carried, other_streams
from ifrplus_cli.video.packets import packet_span
from ifrplus_cli.video.writing.encode_plan import EncodePlan

FAULT_HINT = "Try another container or codec; the source is untouched and no output was kept."


@dataclass(frozen=True)
class Promise:
    """The properties that the finished file must have.

    Attributes:
        frames: number of output frames written.
        start: time of the first output frame in seconds, minus the origin.
        last_pts: time of the last output frame in seconds, minus the origin.
        duration: seconds from the start of the first output frame to the end of the last one.
    """

    plan: EncodePlan
    frames: int
    start: Fraction
    last_pts: Fraction
    duration: Fraction


def verify(path: Path, promise: Promise) -> tuple[ClipInfo, tuple[str, ...]]:
    """Probe the finished file, and compare it with the promise.

    Returns:
        The probed file, and notes on streams that are empty in the source.

    Raises:
        OutputError: naming all differences.
    """
    plan = promise.plan
    try:
        result = plan.target.read_back(path, plan.timing.rate, read_frames=_says_in_frames(plan.clip))
    except InputError as error:
        raise OutputError(f"The finished file can't be read back: {error.message}", FAULT_HINT) from error
    carried, notes = _filled_streams(result, promise)
    faults = [
        *_time_faults(result, promise),
        *_picture_faults(result, promise),
        *_stream_faults(result, carried, promise),
    ]
    if faults:
        raise OutputError(
            f"The finished file is not what was promised: {'; '.join(faults)}.",
            FAULT_HINT,
        )
    return result, (*notes, *_aspect_notes(result, plan), *loss_notes(result, plan))


def _says_in_frames(clip: ClipInfo) -> bool:
    """Return whether a clip says something that codecs may keep in their frames alone."""
    said = clip.description
    return said.captions or said.stereo is not None or said.projection is not None or clip.light != LightInfo()


def _aspect_notes(result: ClipInfo, plan: EncodePlan) -> Iterator[str]:
    """Yield a note if the container rounds the pixel aspect: Matroska stores the display size in whole pixels."""
    wanted, found = plan.clip.sample_aspect or Fraction(1), result.sample_aspect or Fraction(1)
    if plan.target.joins_segments and not plan.upright and found != wanted:
        before, stored = (f"{aspect.numerator}:{aspect.denominator}" for aspect in (wanted, found))
        yield f"The pixel aspect {before} is stored as {stored}: the container counts in whole pixels."


def _filled_streams(result: ClipInfo, promise: Promise) -> tuple[tuple[Carried, ...], tuple[str, ...]]:
    """Return the streams that the result must have: without empty ones, if some are missing; and notes on those."""
    carried = promise.plan.carried
    if len(other_streams(result)) == len(carried):
        return carried, ()
    timed = [c.stream for c in carried if c.stream.kind != "attachment" and not c.stream.attached_picture]
    empty = [stream for stream in timed if used_span(promise.plan, stream) is None]
    filled = tuple(c for c in carried if c.stream not in empty)
    why = "is empty" if promise.plan.clip.section is None else "has nothing in the section"
    return filled, tuple(f"The {s.kind} stream {s.index} {why} and is left out." for s in empty)


def _time_faults(result: ClipInfo, promise: Promise) -> list[str]:
    faults, container = [], promise.plan.container
    span, promised = result.packet_pts[-1] * result.time_base - result.start, promise.last_pts - promise.start
    slack = max(2 * MILLISECOND, container.unit or MILLISECOND)
    found = len(result.packet_pts)
    if found > promise.frames or (found < promise.frames and not container.joins_repeats):
        faults.append(f"it has {found} frames instead of {promise.frames}")
    if not container.has_times:
        return faults
    if abs(span - promised) > slack and found == promise.frames:
        faults.append(f"its frames span {float(span):.3f} s instead of {float(promised):.3f} s")
    tick = Fraction(0) if container.states_length else 1 / promise.plan.timing.rate
    if abs(result.duration - promise.duration) > tick + slack and _states_last_length(result, promise):
        faults.append(f"it lasts {float(result.duration):.3f} s instead of {float(promise.duration):.3f} s")
    if container.counts_plays and (plays := promise.plan.clip.source.plays or 0) != result.source.plays:
        faults.append(f"it plays {result.source.plays} times instead of {plays}")
    return faults


def _states_last_length(result: ClipInfo, promise: Promise) -> bool:
    """Return whether the file states how long its last frame is shown: Matroska never does, mp4 not always."""
    if promise.plan.container.states_length:
        return True
    if promise.plan.container.unit is not None:
        return False
    span = packet_span(result, result.stream_index)
    return span is not None and span[1] - result.packet_pts[-1] * result.time_base > MILLISECOND / 1000


def _picture_faults(result: ClipInfo, promise: Promise) -> list[str]:
    plan, faults = promise.plan, []
    if (result.width, result.height) != (plan.stored_width, plan.stored_height):
        faults.append(f"its size is {result.width}x{result.height}")
    if plan.clip.pixel_format.chroma is result.pixel_format.chroma:
        faults.extend(_colour_faults(result, plan))
    faults.extend(light_faults(result.light, plan.clip.light))
    if not plan.upright:
        aspect, wanted = result.sample_aspect or Fraction(1), plan.clip.sample_aspect or Fraction(1)
        if abs(aspect - wanted) * plan.width > 1:  # Matroska stores the display size in whole pixels
            faults.append(f"its pixel aspect is {aspect} instead of {wanted}")
        if result.display_matrix != plan.clip.display_matrix:
            faults.append("its rotation differs from the source's")
    return faults


def _colour_faults(result: ClipInfo, plan: EncodePlan) -> list[str]:
    """Return the differences from the colours that the plan states."""
    found, wanted = result.colour, plan.colour
    stated = {name: getattr(wanted, name) for name in ("primaries", "transfer", "matrix")}
    if result.pixel_format.chroma is Chroma.RGB:
        del stated["matrix"]  # its samples say it
    faults = [
        f"its colour {name} is {getattr(found, name) or 'not stored'} instead of {value}"
        for name, value in stated.items()
        if value and value != getattr(found, name)
    ]
    found_range, wanted_range = _range(found, result.source_format), _range(wanted, plan.pix_fmt)
    if result.pixel_format.chroma is not Chroma.RGB and found_range != wanted_range:
        faults.append(f"its colour range is {found_range} instead of {wanted_range}")
    return faults


def _range(tags: ColourTags, pix_fmt: str) -> str:
    """Return the range of a picture; it is limited if neither the tags nor the format's name state one."""
    return "pc" if pix_fmt.startswith("yuvj") else tags.range or "tv"


def _stream_faults(result: ClipInfo, carried: tuple[Carried, ...], promise: Promise) -> list[str]:
    others = other_streams(result)
    if len(others) < len(carried):
        return [f"it has {len(others)} of {len(carried)} other streams"]
    faults = []
    for wanted, found in zip(carried, others, strict=False):
        if wanted.stream.kind != found.kind:
            faults.append(f"stream {found.index} is {found.kind} instead of {wanted.stream.kind}")
        elif wanted.stream.kind == "audio":
            faults.extend(sound_faults(wanted, found, result, promise.plan, promise.start))
    if promise.plan.until is None and len(result.chapters) != (chapters := len(promise.plan.clip.chapters)):
        faults.append(f"it has {len(result.chapters)} of {chapters} chapters")
    return faults
