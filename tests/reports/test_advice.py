"""The sentences that explain the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clips import make_clip

from ifrplus_cli.measure.check import CheckResult, Moment
from ifrplus_cli.reports.advice import verdict
from ifrplus_cli.video.reading.probe import probe


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> CheckResult:
    """A check of twenty moments without trouble, 64 pixels wide."""
    clip = probe(make_clip(tmp_path_factory.mktemp("verdict") / "clip.mkv"))
    moments = tuple(Moment(2 * k + 1, k / 10, 35.0, 0.98, 0.9, 1.0, 1.0, 0.95, 30.0, 1.0) for k in range(20))
    return CheckResult(clip, "lite", 41, 4.0, moments, (), (), (), (), None)


def test_a_good_clip_gets_five_sentences(result: CheckResult) -> None:
    quality, gain, sharpness, factor, network = verdict(result)
    assert "close to the true ones: 35.0 dB" in quality
    assert gain == "They are 5.0 dB better than a blend of their neighbours."
    assert sharpness.startswith("Made frames are about as sharp as their neighbours: 0.95 of their detail")
    assert factor.startswith("Factor: 2 or 4 suit this clip")
    assert network == "Network: lite is enough for this clip."


@pytest.mark.parametrize(
    ("psnr", "words"), [(45, "hard to tell"), (29, "unlike the true ones where things move"), (20, "visibly wrong")]
)
def test_words_follow_the_mean(psnr: float, words: str, result: CheckResult) -> None:
    worse = replace(result, moments=tuple(replace(moment, psnr=psnr) for moment in result.moments))
    assert words in verdict(worse)[0]


def test_a_blend_that_is_as_good_is_reported(result: CheckResult) -> None:
    still = replace(result, moments=tuple(replace(moment, blend_psnr=35.1) for moment in result.moments))
    assert "about as good (-0.1 dB)" in verdict(still)[1]


def test_a_factor_is_recommended_by_quality_and_motion(result: CheckResult) -> None:
    fast = replace(result, moments=tuple(replace(moment, motion=10.0) for moment in result.moments))
    assert "before using 4 or slow motion, check fast motion" in verdict(fast)[3]
    poor = replace(result, moments=tuple(replace(moment, psnr=22.0) for moment in result.moments))
    assert "at most 2" in verdict(poor)[3]


def test_a_larger_network_is_recommended_where_lite_can_be_beaten(result: CheckResult) -> None:
    soft = replace(result, moments=tuple(replace(moment, psnr=28.0, blend_psnr=25.0) for moment in result.moments))
    assert "--model rife" in verdict(soft)[4]
    assert verdict(replace(soft, model="ifrnet"))[4] == "Network: these are the figures of ifrnet."


def test_soft_moments_are_named(result: CheckResult) -> None:
    soft = replace(result.moments[5], neighbour_detail=0.3)
    told = verdict(replace(result, moments=(*result.moments[:5], soft, *result.moments[6:])))
    assert told[3] == "Made frames will look soft at 0:00:00.50."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"cuts": (1.0, 2.5)},
            "2 of the dropped frames were at a cut, where the frame before it is held: 0:00:01.00, ",
        ),
        ({"repeats": (0.5,) * 10}, "first at 0:00:00.50: frames repeat"),
        ({"flickers": ((3.0, 2.0), (5.0, 8.0))}, "flickers by 5.0 codes from frame to frame, and made frames average"),
    ],
)
def test_problems_are_named(change: dict[str, object], words: str, result: CheckResult) -> None:
    (told,) = verdict(replace(result, **change))[5:]  # type: ignore[arg-type]
    assert words in told


def test_flicker_is_reported_where_it_is_strongest(result: CheckResult) -> None:
    assert verdict(replace(result, flickers=((3.0, 2.0), (5.0, 8.0))))[5].endswith("most strongly at 0:00:05.00.")


def test_interlaced_clips_are_named(result: CheckResult) -> None:
    woven = replace(result, clip=replace(result.clip, deinterlace="bwdif"))
    assert "was compared after deinterlacing" in verdict(woven)[5]
    marked = replace(result, clip=replace(result.clip, field_order="tt"))
    assert "--deinterlace bwdif" in verdict(marked)[5]


def test_fast_motion_is_reported_if_it_is_common(result: CheckResult) -> None:
    fast = replace(result.moments[0], motion=10.0)
    assert len(verdict(replace(result, moments=(fast, *result.moments[1:])))) == 5
    (told,) = verdict(replace(result, moments=(fast,) * 5 + result.moments[5:]))[5:]
    assert told.startswith("In 25% of the frames things move")
    assert told.endswith("at 0:00:00.00.")
