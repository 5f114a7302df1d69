"""The words that go with the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clips import make_clip

from ifrplus_cli.check import CheckResult, Moment
from ifrplus_cli.probe import probe
from ifrplus_cli.verdict import verdict


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> CheckResult:
    """A check of twenty moments without trouble, 64 pixels wide."""
    clip = probe(make_clip(tmp_path_factory.mktemp("verdict") / "clip.mkv"))
    moments = tuple(Moment(2 * k + 1, k / 10, 35.0, 0.98, 30.0, 1.0) for k in range(20))
    return CheckResult(clip, 41, 4.0, moments, 0, 0, 0.0, ())


def test_a_good_clip_gets_two_sentences(result: CheckResult) -> None:
    quality, gain = verdict(result)
    assert "close to the true ones: 35.0 dB" in quality
    assert gain == "They are 5.0 dB better than a blend of their neighbours."


@pytest.mark.parametrize(("psnr", "words"), [(45, "hard to tell"), (29, "softer"), (20, "visibly wrong")])
def test_words_follow_the_mean(psnr: float, words: str, result: CheckResult) -> None:
    worse = replace(result, moments=tuple(replace(moment, psnr=psnr) for moment in result.moments))
    assert words in verdict(worse)[0]


def test_a_blend_that_is_as_good_is_told(result: CheckResult) -> None:
    still = replace(result, moments=tuple(replace(moment, blend_psnr=35.1) for moment in result.moments))
    assert "about as good (-0.1 dB)" in verdict(still)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cuts": 3}, "3 of the dropped frames lay at a cut"),
        ({"repeats": 10}, "frames repeat"),
        ({"flicker": 2.0}, "flickers by 2.0 codes"),
    ],
)
def test_troubles_are_named(change: dict[str, float], words: str, result: CheckResult) -> None:
    (told,) = verdict(replace(result, **change))[2:]  # type: ignore[arg-type]
    assert words in told


def test_fast_motion_is_told_if_it_is_common(result: CheckResult) -> None:
    fast = replace(result.moments[0], motion=10.0)
    assert len(verdict(replace(result, moments=(fast, *result.moments[1:])))) == 2
    (told,) = verdict(replace(result, moments=(fast,) * 5 + result.moments[5:]))[2:]
    assert told.startswith("In 25% of the frames things move")
