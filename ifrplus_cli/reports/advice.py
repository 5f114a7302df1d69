"""Explain the figures of a check, and recommend a factor and a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ifrplus_cli.measure.check import CheckResult, Moment
from ifrplus_cli.network.choose import SMALLEST
from ifrplus_cli.reports.format import clock, moments_text
from ifrplus_cli.reports.softness import softness

# Wording for a mean PSNR of at least so many dB.
QUALITIES = (
    (38.0, "hard to tell from true ones"),
    (32.0, "close to the true ones"),
    (27.0, "unlike the true ones where things move"),
    (0.0, "visibly wrong in places"),
)
LITTLE_GAIN = 0.3  # dB
GOOD, FAIR = 32.0, 27.0  # dB from which factors above 2, and above 1, are recommended
FAST_MOTION = 0.03  # share of the picture's width between two kept frames
COMMON = 0.1  # share of the frames from which a problem is reported
FLICKER = 0.7  # 8-bit codes


def verdict(result: CheckResult) -> tuple[str, ...]:
    """Return sentences that explain the figures of a check."""
    beside = softness([(moment.seconds, moment.neighbour_detail) for moment in result.moments])
    return (_quality(result), _gain(result), *beside, _factor(result), *_model(result), *_troubles(result))


def _quality(result: CheckResult) -> str:
    psnr_mean = result.mean("psnr")
    words = next(words for least, words in QUALITIES if psnr_mean >= least)
    return (
        f"Made frames are {words}: {psnr_mean:.1f} dB on average. They were made across twice the gap that upsampling "
        "has to fill, so its result will look better than these figures."
    )


def _gain(result: CheckResult) -> str:
    gain = _gain_of(result)
    if gain < LITTLE_GAIN:
        return f"A blend of the neighbours is about as good ({gain:+.1f} dB): there is little motion to follow here."
    return f"They are {gain:.1f} dB better than a blend of their neighbours."


def _gain_of(result: CheckResult) -> float:
    return result.mean("psnr") - result.mean("blend_psnr")


def _factor(result: CheckResult) -> str:
    """Recommend a factor. Frames further from their neighbours are worse than those compared here."""
    psnr_mean, fast = result.mean("psnr"), len(_fast(result)) > COMMON * len(result.moments)
    if psnr_mean >= GOOD and not fast:
        return "Factor: 2 or 4 suit this clip, and so does slow motion; 8 suits calm parts."
    if psnr_mean >= FAIR:
        return "Factor: 2 suits this clip; before using 4 or slow motion, check fast motion first."
    return "Factor: at most 2; check a --preview first."


def _model(result: CheckResult) -> Iterator[str]:
    """Recommend a network, as far as the figures of a single one allow."""
    if result.model != SMALLEST:
        yield f"Network: these are the figures of {result.model}."
    elif result.mean("psnr") >= GOOD or _gain_of(result) < LITTLE_GAIN:
        yield f"Network: {SMALLEST} is enough for this clip."
    else:
        yield (
            f"Network: {SMALLEST} leaves room for improvement. Try another one: ifrplus download-weights rife, "
            "then repeat this check with --model rife; or ifrplus on an Ascend or a GPU."
        )


def _fast(result: CheckResult) -> list[Moment]:
    width = result.clip.upright_size[0]
    return [moment for moment in result.moments if moment.motion > FAST_MOTION * width]


def _troubles(result: CheckResult) -> Iterator[str]:
    moments = result.moments
    fast = _fast(result)
    if len(fast) > COMMON * len(moments):
        yield (
            f"In {len(fast) / len(moments):.0%} of the frames things move by more than {FAST_MOTION:.0%} of the width "
            f"between two kept frames: check the edges of what moves fast, at {moments_text(_times(fast))}."
        )
    behind = [moment for moment in moments if moment.psnr < moment.blend_psnr - LITTLE_GAIN]
    if len(behind) > COMMON * len(moments):
        yield (
            f"In {len(behind) / len(moments):.0%} of the frames a blend is closer to the true frame, perhaps because "
            f"of water, smoke or flicker, at {moments_text(_times(behind))}."
        )
    if result.cuts:
        yield (
            f"{len(result.cuts)} of the dropped frames were at a cut, where the frame before it is held: "
            f"{moments_text(result.cuts)}."
        )
    if len(result.repeats) > COMMON * (len(moments) + len(result.repeats)):
        yield (
            f"{len(result.repeats)} of the dropped frames were between equal frames, first at "
            f"{clock(result.repeats[0])}: frames repeat, as in drawn animation. Try --duplicates smooth."
        )
    if result.flicker > FLICKER:
        strongest = sorted(seconds for seconds, codes in result.flickers if codes > result.flicker)
        yield (
            f"Brightness flickers by {result.flicker:.1f} codes from frame to frame, and made frames average it: "
            f"most strongly at {moments_text(strongest)}."
        )
    if result.clip.deinterlace is not None:
        yield "The clip is interlaced, and was compared after deinterlacing: lines that flicker in the clip do so here."
    elif result.clip.interlaced:
        yield "The clip is marked as interlaced: if its frames look combed, use --deinterlace bwdif or bob."


def _times(moments: Iterable[Moment]) -> Iterator[float]:
    return (moment.seconds for moment in moments)
