"""What the figures of a check mean to a person."""

from __future__ import annotations

from collections.abc import Iterator

from ifrplus_cli.check import CheckResult
from ifrplus_cli.probe import upright_size

# Words for a mean PSNR from so many dB on.
QUALITIES = (
    (38.0, "hard to tell from true ones"),
    (32.0, "close to the true ones"),
    (27.0, "softer than the true ones where things move"),
    (0.0, "visibly wrong in places"),
)
LITTLE_GAIN = 0.3  # dB
FAST_MOTION = 0.03  # of the picture's width between two kept frames
COMMON = 0.1  # share of the frames from which on a trouble is told
FLICKER = 0.7  # codes of 8 bits


def verdict(result: CheckResult) -> tuple[str, ...]:
    """What the figures mean to a person."""
    return (_quality(result), _gain(result), *_troubles(result))


def _quality(result: CheckResult) -> str:
    psnr_mean = result.mean("psnr")
    words = next(words for least, words in QUALITIES if psnr_mean >= least)
    return (
        f"Made frames are {words}: {psnr_mean:.1f} dB on average. They were made across twice the gap that an upsample "
        "has to fill, so that its result will look better than these figures."
    )


def _gain(result: CheckResult) -> str:
    gain = result.mean("psnr") - result.mean("blend_psnr")
    if gain < LITTLE_GAIN:
        return f"A blend of the neighbours is about as good ({gain:+.1f} dB): there is little motion to follow here."
    return f"They are {gain:.1f} dB better than a blend of their neighbours."


def _troubles(result: CheckResult) -> Iterator[str]:
    moments, width = result.moments, upright_size(result.clip)[0]
    fast = [moment for moment in moments if moment.motion > FAST_MOTION * width]
    if len(fast) > COMMON * len(moments):
        yield (
            f"In {len(fast) / len(moments):.0%} of the frames things move by more than {FAST_MOTION:.0%} of the width "
            "between two kept frames: look at the edges of what moves fast; factor 2 is safer than 4."
        )
    behind = [moment for moment in moments if moment.psnr < moment.blend_psnr - LITTLE_GAIN]
    if len(behind) > COMMON * len(moments):
        yield f"In {len(behind) / len(moments):.0%} of the frames a blend is closer: water, smoke or flicker, perhaps."
    if result.cuts:
        yield f"{result.cuts} of the dropped frames lay at a cut: there the frame before it is held."
    if result.repeats > COMMON * (len(moments) + result.repeats):
        yield f"{result.repeats} of the dropped frames lay between equal ones: frames repeat, as in drawn animation."
    if result.flicker > FLICKER:
        yield f"Brightness flickers by {result.flicker:.1f} codes from frame to frame: made frames average it."
    if result.clip.interlaced:
        yield "The clip is marked as interlaced: deinterlace it first."
