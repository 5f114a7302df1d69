"""This program beside ffmpeg's filter and beside RIFE."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import pytest

from ifrplus_cli.errors import MediaToolError, ModelError
from ifrplus_cli.measure.beside import measure_beside
from ifrplus_cli.measure.generated_clip import write_clip
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import Engine
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER
from ifrplus_cli.network.interpolator import LoadedModel, load_model
from ifrplus_cli.network.plan import plan_network
from ifrplus_cli.values import HALF
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.minterpolate import minterpolate


@pytest.fixture
def lite() -> LoadedModel:
    engine = Engine("onnx", CPU_PROVIDER)
    return load_model(plan_network(MODELS["lite"], engine, Device("CPU"), (64, 96), [HALF]))


def test_minterpolate_makes_a_film_of_twice_the_rate(tmp_path: Path) -> None:
    film, made = write_clip(tmp_path, (96, 64), 9), tmp_path / "made.mp4"
    minterpolate(film, made, Fraction(50), "veryfast")
    assert probe(made).rate == 50


def test_a_source_that_ffmpeg_does_not_read_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(MediaToolError, match="minterpolate failed"):
        minterpolate(broken, tmp_path / "made.mp4", Fraction(50), "veryfast")


def test_whole_runs_take_turns(lite: LoadedModel, tmp_path: Path) -> None:
    said: list[str] = []
    found = measure_beside("minterpolate", lite, (96, 64), 1, tmp_path, said.append, time.perf_counter)
    assert (found.other, found.what, said) == ("minterpolate", "whole run", ["beside minterpolate, once each"])
    assert found.turns.ours.median > 0
    assert found.turns.times_as_fast.median == found.turns.theirs.median / found.turns.ours.median
    assert probe(tmp_path / "beside.mp4").rate == probe(tmp_path / "minterpolate.mp4").rate == 50


def test_rife_must_be_there(lite: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.network.interpolator.find_weights", lambda name: None)  # wherever it may be
    with pytest.raises(ModelError) as refused:
        measure_beside("rife", lite, (96, 64), 1, tmp_path, lambda _: None, time.perf_counter)
    assert "download-weights rife" in (refused.value.hint or "")
