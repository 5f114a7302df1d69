"""Compare a finished file with what was promised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.encode import MILLISECOND, Carried, EncodePlan, other_streams
from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.hdr import light_faults
from ifrplus_cli.media import Chroma, ClipInfo, ColourTags, StreamInfo
from ifrplus_cli.probe import packet_span, probe

# An encoder of sound adds its delay and fills its last block: up to two blocks of 2048 samples at 44.1 kHz.
CONVERTED_SOUND_SLACK = Fraction(1, 10)
COPIED_START_SLACK = 3 * MILLISECOND
COPIED_SOUND_SLACK = Fraction(1, 20)
FAULT_HINT = "Try another container or codec; the source is untouched and no output was kept."


@dataclass(frozen=True)
class Promise:
    """What the finished file must be.

    Attributes:
        frames: output frames written.
        start: time of the first one in seconds, origin taken off.
        duration: seconds from its appearance to the end of the last one.
        last_pts: time of the last output frame in seconds, origin taken off.
    """

    plan: EncodePlan
    frames: int
    start: Fraction
    last_pts: Fraction
    duration: Fraction


def verify(path: Path, promise: Promise) -> tuple[ClipInfo, tuple[str, ...]]:
    """Probe the finished file and compare.

    Returns:
        What the file is, and notes on what the source lacked.

    Raises:
        OutputError: naming everything that differs.
    """
    try:
        result = probe(path)
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
    return result, notes


def _filled_streams(result: ClipInfo, promise: Promise) -> tuple[tuple[Carried, ...], tuple[str, ...]]:
    """The streams that must be in the result: where some are not there, those of the source that hold anything."""
    carried, source = promise.plan.carried, promise.plan.clip.path
    if len(other_streams(result)) == len(carried):
        return carried, ()
    timed = [c.stream for c in carried if c.stream.kind != "attachment" and not c.stream.attached_picture]
    empty = [stream for stream in timed if packet_span(source, stream.index) is None]
    filled = tuple(c for c in carried if c.stream not in empty)
    return filled, tuple(f"The {s.kind} stream {s.index} is empty and left out." for s in empty)


def _time_faults(result: ClipInfo, promise: Promise) -> list[str]:
    faults = []
    span, promised = result.packet_pts[-1] * result.time_base - result.start, promise.last_pts - promise.start
    if len(result.packet_pts) != promise.frames:
        faults.append(f"it has {len(result.packet_pts)} frames instead of {promise.frames}")
    if abs(span - promised) > 2 * MILLISECOND:
        faults.append(f"its frames span {float(span):.3f} s instead of {float(promised):.3f} s")
    tick = 1 / promise.plan.timing.rate
    if abs(result.duration - promise.duration) > tick + MILLISECOND and _states_last_length(result, promise):
        faults.append(f"it lasts {float(result.duration):.3f} s instead of {float(promise.duration):.3f} s")
    return faults


def _states_last_length(result: ClipInfo, promise: Promise) -> bool:
    """Whether the file says how long its last frame is shown: Matroska never does, mp4 not in every case."""
    if not promise.plan.container.holds_time_base:
        return False
    span = packet_span(result.path, result.stream_index)
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
        if abs(aspect - wanted) * plan.width > 1:  # Matroska stores the shown size in whole pixels
            faults.append(f"its pixel aspect is {aspect} instead of {wanted}")
        if result.display_matrix != plan.clip.display_matrix:
            faults.append("its rotation is not the source's")
    return faults


def _colour_faults(result: ClipInfo, plan: EncodePlan) -> list[str]:
    """Differences in what was stated."""
    found, wanted = result.colour, replace(plan.clip.colour, matrix=plan.matrix)
    stated = {name: getattr(wanted, name) for name in ("primaries", "transfer", "matrix")}
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
    """A range that neither the tags nor the name of the format state is limited."""
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
            faults.extend(_sound_faults(wanted, found, result, promise))
    if promise.plan.clip.chapters != result.chapters:
        faults.append(f"it has {result.chapters} of {promise.plan.clip.chapters} chapters")
    return faults


def _sound_faults(wanted: Carried, found: StreamInfo, result: ClipInfo, promise: Promise) -> Iterator[str]:
    source, copied = promise.plan.clip, wanted.codec == "copy"
    if wanted.stream.start is not None and found.start is not None:
        slack = COPIED_START_SLACK if copied else CONVERTED_SOUND_SLACK
        offset, now = wanted.stream.start - source.start, found.start - result.start
        if abs(now - offset) > slack:
            # Containers differ in whether the header hides an encoder's delay; packets tell the truth.
            offset = _first_sound(source.path, wanted.stream.index) - source.start
            now = _first_sound(result.path, found.index) - result.start
        if abs(now - offset) > slack:
            yield f"its sound starts {float(now):.3f} s from the picture instead of {float(offset):.3f} s"
    if wanted.stream.duration is not None and found.duration is not None:
        slack = COPIED_SOUND_SLACK if copied else CONVERTED_SOUND_SLACK
        if abs(found.duration - wanted.stream.duration) > slack:
            before = _sound_length(source.path, wanted.stream.index)
            after = _sound_length(result.path, found.index)
            if abs(before - after) > slack:
                yield f"its sound lasts {float(after):.3f} s instead of {float(before):.3f} s"


def _first_sound(path: Path, stream_index: int) -> Fraction:
    return (packet_span(path, stream_index, first_only=True) or (Fraction(0),))[0]


def _sound_length(path: Path, stream_index: int) -> Fraction:
    start, end = packet_span(path, stream_index) or (Fraction(0), Fraction(0))
    return end - start
