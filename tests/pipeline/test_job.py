"""What is decided about a run before its first frame: number of frames, clock, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clips import make_clip, probe_once
from upsampling import LOSSLESS, upsample

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.video.reading.probe import probe


@pytest.mark.parametrize(
    ("options", "frames", "rate"),
    [
        (UpsampleOptions(factor=Fraction(4)), 24, 100),
        (UpsampleOptions(factor=Fraction(5, 2)), 15, Fraction(125, 2)),
        (UpsampleOptions(factor=Fraction(3), slow_motion=True), 18, 25),
        (UpsampleOptions(fps=Fraction(60000, 1001)), 15, Fraction(60000, 1001)),
    ],
)
def test_frames_and_rate_follow_from_the_options(
    options: UpsampleOptions, frames: int, rate: Fraction, clip: Path, tmp_path: Path
) -> None:
    job = plan_job(probe_once(clip), tmp_path / "film.mkv", options)
    assert job.expected_frames == frames
    assert job.encode.timing.rate == rate


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factor": Fraction(5, 2)},
        {"fps": Fraction(26)},
        {"fps": Fraction(60)},
        {"slow_motion": True},
        {"loop": True},
    ],
)
def test_the_frames_that_a_run_makes_are_known_before(options: dict[str, Any], clip: Path, tmp_path: Path) -> None:
    job = plan_job(probe_once(clip), tmp_path / "film.mkv", UpsampleOptions(**options))
    summary = upsample(clip, tmp_path / "film.mkv", **options)
    assert len(job.made_timesteps()) == summary.frames_made > 0


@pytest.mark.parametrize("options", [UpsampleOptions(), UpsampleOptions(factor=Fraction(2), slow_motion=True)])
def test_the_last_frame_is_held_to_the_end(options: UpsampleOptions, clip: Path, tmp_path: Path) -> None:
    job = plan_job(probe_once(clip), tmp_path / "film.mkv", options)
    stretch = 2 if options.slow_motion else 1
    assert job.expected_frames / job.encode.timing.rate == stretch * Fraction(6, 25)
    assert job.encode.timing.last_duration == 1 / job.encode.timing.rate


def test_nothing_is_written(clip: Path, tmp_path: Path) -> None:
    plan_job(probe_once(clip), tmp_path / "film.mkv", UpsampleOptions())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("fps", "told"), [(24, "would drop some"), (25, "already has 25 frames per second")])
def test_a_rate_that_gains_nothing_is_refused(fps: int, told: str, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told) as refused:
        plan_job(probe_once(clip), tmp_path / "film.mkv", UpsampleOptions(fps=Fraction(fps)))
    assert "higher --fps" in refused.value.hint


def test_a_varying_rate_may_become_its_own_mean_evenly(tmp_path: Path) -> None:
    varying = make_clip(tmp_path / "vfr.mp4", codec="libx264", ticks=[0, 40, 90, 120, 160])
    clip = probe_once(varying)
    assert clip.variable_rate
    assert plan_job(clip, tmp_path / "film.mp4", UpsampleOptions(fps=Fraction(25))).encode.timing.rate == 25
    with pytest.raises(InputError, match="would drop some"):
        plan_job(clip, tmp_path / "film.mp4", UpsampleOptions(fps=Fraction(1)))


def test_frames_that_come_too_close_together_for_the_container_are_refused_at_once(tmp_path: Path) -> None:
    uneven = probe_once(make_clip(tmp_path / "vfr.mkv", ticks=[0, 40, 41, 80, 120]))
    with pytest.raises(OutputError, match="less than a millisecond apart"):
        plan_job(uneven, tmp_path / "film.mkv", UpsampleOptions())
    slow = UpsampleOptions(factor=Fraction(2), slow_motion=True)
    assert plan_job(uneven, tmp_path / "film.mkv", slow).expected_frames == 10
    assert plan_job(uneven, tmp_path / "film.mp4", UpsampleOptions(encode=LOSSLESS)).expected_frames == 10


def test_an_output_that_is_there_is_refused_and_with_overwrite_left_alone(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    output.write_text("mine")
    with pytest.raises(OutputError):
        plan_job(probe_once(clip), output, UpsampleOptions())
    plan_job(probe_once(clip), output, UpsampleOptions(overwrite=True))
    assert output.read_text() == "mine"


def test_images_keep_their_kind(clip: Path, tmp_path: Path) -> None:
    assert probe_once(clip).source.image_suffix is None
    (tmp_path / "render").mkdir()
    for number in range(3):
        make_clip(tmp_path / "render" / f"{number}.png", frames=1, codec="png", pix_fmt="rgb24")
    images = probe(tmp_path / "render", Fraction(24))
    assert images.source.image_suffix == ".png"
    job = plan_job(images, tmp_path / "smooth", UpsampleOptions())
    assert job.target.pattern == tmp_path / "smooth" / "%06d.png"
