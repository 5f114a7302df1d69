"""How much of a sound can be heard, from the times of its packets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, ffmpeg, make_clip, probe_once

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pipeline.sound_check import heard_seconds
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.values import Timing
from ifrplus_cli.video.encode_plan import plan_encode
from ifrplus_cli.video.encoders import EncodeOptions
from ifrplus_cli.video.targets import target_of

BLOCK = Fraction(1, 50)


def packets(starts: Sequence[Fraction]) -> list[tuple[Fraction, Fraction]]:
    return [(start, start + BLOCK) for start in starts]


@pytest.mark.parametrize(
    ("starts", "heard", "again"),
    [
        ([], 0, 0),
        ([n * BLOCK for n in range(100)], 2, 0),
        ([n * BLOCK + (n >= 50) * 5 for n in range(100)], 2.1, 0),  # a hole of 5 s
        ([min(n, 50) * BLOCK + max(0, n - 50) * Fraction(1, 1000) for n in range(100)], 1.07, 0),  # squeezed
        ([n % 50 * BLOCK for n in range(100)], 2, 0.98),  # twice at the same time
    ],
)
def test_what_is_heard(starts: list[Fraction], heard: float, again: float) -> None:
    assert heard_seconds(packets(starts)) == pytest.approx((heard, again), abs=0.03)


def test_squeezed_sound_does_not_pass(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=50, codec="libx264", inputs=BEEP, output=("-c:a", "mp2", "-t", 2))
    clip = probe_once(film)
    plan = plan_encode(
        clip, target_of(film), EncodeOptions("libx264"), Timing(clip.time_base, clip.rate, clip.last_duration)
    )
    promise = Promise(plan, 50, clip.start, clip.start + Fraction(49, 25), Fraction(2))
    assert verify(film, promise)
    squeezed = "setts=ts=if(lt(N\\,40)\\,TS\\,960+(N-40))"
    ffmpeg("-i", film, "-map", 0, "-c", "copy", "-bsf:a", squeezed, tmp_path / "squeezed.mkv")
    with pytest.raises(OutputError, match="of its sound can be heard instead of"):
        verify(tmp_path / "squeezed.mkv", promise)
