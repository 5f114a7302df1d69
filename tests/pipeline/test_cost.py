"""The cost of a run, told from a trial of three pairs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from clips import blend, blend_model, make_clip, streams
from upsampling import upsample

from ifrplus_cli.pipeline.cost import PAIRS, measure_cost
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.trim import FrameNumber
from ifrplus_cli.video.writing.encoders import EncodeOptions

SECONDS = 0.05


class Slow:
    """A network whose time is known: on a busy machine it sleeps longer than it is told."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        time.sleep(SECONDS)
        made = blend(*arrays)
        self.seconds.append(time.perf_counter() - started)
        return made


@pytest.mark.parametrize("part", [{}, {"start": FrameNumber(20), "end": FrameNumber(60)}])
def test_time_and_size_are_near_those_of_the_run(part: dict[str, FrameNumber], tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mp4", codec="libx264", frames=80, size="160x96")
    encode = EncodeOptions("libx264", preset="ultrafast")
    clip = probe(source)
    job = plan_job(clip, tmp_path / "film.mp4", UpsampleOptions(encode=encode, **part))  # type: ignore[arg-type]
    network = Slow()
    cost = measure_cost(clip, job, blend_model(network, (96, 160)))
    took = sum(network.seconds[-PAIRS:]) / PAIRS
    frames = len(job.clip.packet_pts)
    assert cost is not None
    assert took <= cost.seconds_per_frame < 3 * took
    assert cost.seconds == pytest.approx(cost.seconds_per_frame * (frames - 1))
    assert cost.memory_mb > 10
    upsample(source, tmp_path / "film.mp4", encode=encode, **part)
    size = int(streams(tmp_path / "film.mp4")[0]["bit_rate"]) / 8e6 * frames / 25
    assert size / 2 < cost.picture_mb < size * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "source.mp4"]


def test_one_frame_costs_nothing(tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "one.mkv", frames=1))
    assert measure_cost(clip, plan_job(clip, tmp_path / "film.mkv", UpsampleOptions()), blend_model()) is None
