"""Compare a finished file with what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.encode import Carried, EncodePlan
from ifrplus_cli.errors import OutputError
from ifrplus_cli.media import ClipInfo
from ifrplus_cli.probe import probe

MILLISECOND = Fraction(1, 1000)
# An encoder of sound adds its delay and fills its last block: up to two blocks of 2048 samples at 44.1 kHz.
CONVERTED_SOUND_SLACK = Fraction(1, 10)
COPIED_STREAM_SLACK = Fraction(1, 20)


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


def verify(path: Path, promise: Promise) -> ClipInfo:
    """Probe the finished file and compare.

    Returns:
        What the file is.

    Raises:
        OutputError: naming everything that differs.
    """
    result = probe(path)
    faults = [*_time_faults(result, promise), *_picture_faults(result, promise), *_stream_faults(result, promise)]
    if faults:
        raise OutputError(
            f"The finished file is not what was promised: {'; '.join(faults)}.",
            "Try another container or codec; the source is untouched and no output was kept.",
        )
    return result


def _time_faults(result: ClipInfo, promise: Promise) -> list[str]:
    faults = []
    tick = 1 / promise.plan.rate
    if len(result.packet_pts) != promise.frames:
        faults.append(f"it has {len(result.packet_pts)} frames instead of {promise.frames}")
    span = (result.packet_pts[-1] - result.packet_pts[0]) * result.time_base
    if abs(span - (promise.last_pts - promise.start)) > 2 * MILLISECOND:
        faults.append(f"its frames span {float(span):.3f} s instead of {float(promise.last_pts - promise.start):.3f} s")
    if abs(result.duration - promise.duration) > tick + MILLISECOND:
        faults.append(f"it lasts {float(result.duration):.3f} s instead of {float(promise.duration):.3f} s")
    return faults


def _picture_faults(result: ClipInfo, promise: Promise) -> list[str]:
    plan, faults = promise.plan, []
    if (result.width, result.height) != (plan.stored_width, plan.stored_height):
        faults.append(f"its size is {result.width}x{result.height}")
    for name in ("primaries", "transfer", "matrix", "range"):
        wanted, found = getattr(plan.clip.colour, name), getattr(result.colour, name)
        if wanted and wanted != found and plan.clip.pixel_format.chroma == result.pixel_format.chroma:
            faults.append(f"its colour {name} is {found or 'not stored'} instead of {wanted}")
    if not plan.upright:
        if plan.clip.sample_aspect not in (None, Fraction(1)) and result.sample_aspect != plan.clip.sample_aspect:
            faults.append(f"its pixel aspect is {result.sample_aspect} instead of {plan.clip.sample_aspect}")
        if result.display_matrix != plan.clip.display_matrix:
            faults.append("its rotation is not the source's")
    return faults


def _stream_faults(result: ClipInfo, promise: Promise) -> list[str]:
    carried = promise.plan.carried
    if len(result.streams) < len(carried):
        return [f"it has {len(result.streams)} of {len(carried)} other streams"]
    faults = []
    for wanted, found in zip(carried, result.streams, strict=False):
        if wanted.stream.kind != found.kind:
            faults.append(f"stream {found.index} is {found.kind} instead of {wanted.stream.kind}")
        elif wanted.stream.kind == "audio":
            faults.extend(_sound_faults(wanted, found.start, found.duration, result, promise))
    if promise.plan.clip.chapters != result.chapters:
        faults.append(f"it has {result.chapters} of {promise.plan.clip.chapters} chapters")
    return faults


def _sound_faults(
    wanted: Carried, start: Fraction | None, duration: Fraction | None, result: ClipInfo, promise: Promise
) -> list[str]:
    faults = []
    slack = 3 * MILLISECOND if wanted.codec == "copy" else CONVERTED_SOUND_SLACK
    if wanted.stream.start is not None and start is not None:
        offset = wanted.stream.start - promise.plan.clip.start
        if abs((start - result.start) - offset) > slack:
            found = float(start - result.start)
            faults.append(f"its sound starts {found:.3f} s from the picture instead of {float(offset):.3f} s")
    if wanted.stream.duration is not None and duration is not None:
        slack = COPIED_STREAM_SLACK if wanted.codec == "copy" else CONVERTED_SOUND_SLACK
        if abs(duration - wanted.stream.duration) > slack:
            faults.append(f"its sound lasts {float(duration):.3f} s instead of {float(wanted.stream.duration):.3f} s")
    return faults
