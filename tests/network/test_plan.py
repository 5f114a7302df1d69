"""Tiles, batches, precision and scale are chosen by the clip, the device and its memory."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from ifrplus_cli.errors import ModelError
from ifrplus_cli.frames.timeline import FactorTimeline, timesteps
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import Device, Machine
from ifrplus_cli.network.engine import MINDSPORE, Engine
from ifrplus_cli.network.plan import NetworkOptions, NetworkPlan, pairs_at_once, plan_network

HALF = [Fraction(1, 2)]
GAPS = range(9)
ON_CPU = Engine("onnx", "CPUExecutionProvider")


def plan(size: tuple[int, int], factor: Fraction | int = 2, **options: Any) -> NetworkPlan:
    spec = replace(MODELS["lite"], inputs=("left", "right"), bytes_per_pixel=1000)
    steps = timesteps(FactorTimeline(Fraction(factor)), GAPS)
    return plan_network(spec, MINDSPORE, Device("CPU"), size, steps, NetworkOptions(**options))


def test_a_midpoint_network_reports_the_error_in_time() -> None:
    assert plan((64, 64), 4).notes == ()
    assert "5.0%" in plan((64, 64), Fraction(5, 2)).notes[0]


@pytest.mark.parametrize(
    ("free", "expected", "count"),
    [(10e9, (1088, 1920), 1), (2.6e9, (608, 1920), 2), (1.2e9, (608, 1024), 4), (1e6, (384, 576), 16)],
)
def test_auto_tiles_are_the_largest_that_fit_the_free_memory(
    free: float, expected: tuple[int, int], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ifrplus_cli.network.plan.free_memory", lambda device: int(free))
    chosen = plan((1080, 1920))
    assert (chosen.tiles.tile_size, chosen.tiles.count) == (expected, count)
    height, width = expected
    assert f"{width}x{height}" in chosen.reasons[0]
    assert f"{free / 1e9:.1f} GB of free memory" in chosen.reasons[0]
    assert chosen.batch == 1


def test_small_tiles_share_the_available_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.network.plan.free_memory", lambda device: int(1e9))
    chosen = plan((1080, 1920), tile=(640, 384))
    height, width = chosen.tiles.tile_size
    assert 1 < chosen.batch < chosen.tiles.count
    assert chosen.batch * height * width * 1000 <= 1e9


def test_where_the_free_memory_is_unknown_the_published_size_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.network.plan.free_memory", lambda device: None)
    assert plan((1024, 1920)).tiles.count == 1
    assert plan((1080, 1920)).tiles.count == 2
    assert "how much is free is unknown" in plan((1080, 1920)).reasons[0]


def test_mindspore_is_not_asked_about_an_accelerator_of_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.network.device._mindspore", lambda: pytest.fail("MindSpore was asked"))
    engine = Engine("onnx", "CUDAExecutionProvider")
    chosen = plan_network(MODELS["lite"], engine, Device("GPU"), (720, 1280), HALF)
    assert chosen.tiles.count == 1


def test_a_picture_that_can_t_be_sampled_is_refused() -> None:
    with pytest.raises(ModelError, match="33000x16 is too large"):
        plan((16, 33000))


@pytest.mark.parametrize(("size", "scale"), [((720, 1280), 0.25), ((1920, 1080), 0.25), ((2160, 3840), 0.125)])
def test_motion_is_estimated_at_the_preset_or_the_requested_scale(size: tuple[int, int], scale: float) -> None:
    assert plan(size).scales.flow == scale
    assert plan(size, flow_scale=1.0).scales.flow == 1


def test_a_precision_that_the_network_lacks_is_refused() -> None:
    with pytest.raises(ModelError) as refused:
        plan((64, 64), precision="fp16")
    assert "fp16" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("engine", "size", "cores", "pairs"),
    [
        (ON_CPU, (720, 1280), 2, 2),
        (ON_CPU, (720, 1280), 4, 2),
        (ON_CPU, (720, 1280), 16, 8),
        (ON_CPU, (1080, 1920), 16, 4),  # as many as a quarter of the memory has room for
        (ON_CPU, (2160, 3840), 8, 1),  # that would take the memory of two of them
        (ON_CPU, (720, 1280), 1, 1),
        (MINDSPORE, (720, 1280), 8, 1),
        (Engine("onnx", "CUDAExecutionProvider"), (720, 1280), 8, 1),
    ],
)
def test_pairs_are_made_at_once_where_that_is_faster(
    engine: Engine, size: tuple[int, int], cores: int, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "cores", lambda self: cores)
    monkeypatch.setattr("ifrplus_cli.network.plan.free_memory", lambda device: 10**10)
    planned = plan_network(MODELS["lite"], engine, Device("CPU"), size, HALF, NetworkOptions(tile="off"))
    assert pairs_at_once(planned) == pairs


@pytest.mark.parametrize(("free", "pairs"), [(10**9, 1), (2 * 10**9, 2)])
def test_a_second_pair_must_fit_the_free_memory(free: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "cores", lambda self: 2)
    monkeypatch.setattr("ifrplus_cli.network.plan.free_memory", lambda device: free)
    planned = plan_network(MODELS["lite"], ON_CPU, Device("CPU"), (1152, 2048), HALF, NetworkOptions(tile="off"))
    assert pairs_at_once(planned) == pairs
