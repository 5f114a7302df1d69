"""``auto`` takes the best network that is installed, fits the timesteps, and is estimated to be fast enough."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from ifrplus_cli.models import MODELS
from ifrplus_cli.network import choose, plan
from ifrplus_cli.network.choose import ACCEPTED_SECONDS, BEST_FIRST, NOT_ON_A_CPU, Work, choose_model, estimate
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import MINDSPORE, Engine, measure_convolution
from ifrplus_cli.network.plan import plan_network

CPU, ONNX = Device("CPU"), Engine("onnx", "CPUExecutionProvider")
HALF, THIRD = (Fraction(1, 2),), (Fraction(1, 3), Fraction(2, 3))
RATE = 100.0  # GFLOP/s
FAST = 1e9


class Here:
    """A machine with the weights of some networks, and a rate."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: set[str] = set()
        self.rate, self.measured = RATE, 0
        monkeypatch.setattr(choose, "find_weights", lambda name: Path(name) if name in self.names else None)

    def choose(
        self,
        *names: str,
        frames: int = 100,
        timesteps: tuple[Fraction, ...] = HALF,
        engine: Engine = ONNX,
        device: Device = CPU,
    ) -> tuple[str, str]:
        self.names = {"lite", *names}
        spec, why = choose_model("auto", engine, device, Work((256, 448), timesteps, frames), rate=self._measure)
        return spec.name, why

    def _measure(self, engine: Engine, device: Device) -> float:
        self.measured += 1
        return self.rate


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(monkeypatch)


def test_on_a_cpu_rife_is_taken_only_when_it_is_requested(here: Here) -> None:
    assert here.choose("rife")[0] == "lite"
    assert here.choose("rife", "ifrnet-l")[0] == "ifrnet-l"
    assert choose_model("rife", ONNX, CPU, Work((256, 448), HALF, 100))[0].name == "rife"


@pytest.mark.parametrize("device", [Device("GPU", 1), Device("Ascend")], ids=str)
def test_an_accelerator_takes_rife_where_it_is_installed_and_fast_enough(
    here: Here, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "free_memory", lambda _: 2**40)
    here.rate = FAST
    for timesteps in (HALF, THIRD):
        assert here.choose("rife", "ifrnet-l", timesteps=timesteps, device=device)[0] == "rife"
    assert here.choose("rife", "ifrplus", device=device, engine=MINDSPORE)[0] == "ifrplus"
    assert here.choose("rife", frames=10**12, device=device)[0] == "lite"
    assert here.choose(device=device)[0] == "lite"


def test_if_only_lite_is_installed_nothing_is_measured(here: Here) -> None:
    name, why = here.choose()
    assert (name, here.measured) == ("lite", 0)
    assert "download-weights" in why


def test_the_best_network_that_is_fast_enough_is_taken(here: Here) -> None:
    # 100 frames by the small one take 50 s, by the large one 351 s
    assert here.choose("ifrnet-s", "ifrnet-l")[0] == "ifrnet-l"
    name, why = here.choose("ifrnet-s", "ifrnet-l", frames=1000)
    assert name == "ifrnet-s"
    assert why == (
        "ifrnet-l would take an estimated 59 min for 1000 frames at 100 GFLOP/s; it takes an estimated 8 min for 1000 "
        "frames at 100 GFLOP/s, and the limit is 10 min"
    )
    name, why = here.choose("ifrnet-s", "ifrnet-l", frames=10_000)
    assert name == "lite"
    assert why.endswith("the limit is 10 min")
    assert here.measured == 3


def test_a_faster_machine_takes_a_better_network(here: Here) -> None:
    here.rate = 10 * RATE
    assert here.choose("ifrnet-s", "ifrnet-l", frames=1000)[0] == "ifrnet-l"


@pytest.mark.parametrize("name", [name for name in BEST_FIRST if name not in NOT_ON_A_CPU])
def test_missing_weights_are_never_chosen(name: str, here: Here) -> None:
    here.rate = FAST
    assert here.choose(*(set(BEST_FIRST) - {name}), engine=MINDSPORE)[0] != name
    assert here.choose(name, engine=MINDSPORE)[0] == name


def test_other_timesteps_than_halves_need_a_network_for_any_timestep(here: Here) -> None:
    here.rate = FAST
    assert here.choose("ifrplus", "ifrnet-l", "ifrnet-s-gopro", timesteps=THIRD)[0] == "ifrnet-s-gopro"
    assert here.choose("ifrplus", "ifrnet-l", timesteps=THIRD)[0] == "lite"
    assert here.choose("ifrnet-l", "ifrnet-s-gopro", timesteps=(Fraction(1, 4), *HALF))[0] == "ifrnet-l"


def test_the_engine_must_support_the_network(here: Here) -> None:
    here.rate = FAST
    assert here.choose("ifrplus", "ifrnet-s")[0] == "ifrnet-s"
    assert here.choose("ifrplus", "ifrnet-s", engine=MINDSPORE)[0] == "ifrplus"


def test_a_requested_network_is_taken_without_measuring(here: Here) -> None:
    spec, why = choose_model("ifrnet", ONNX, CPU, Work((256, 448), HALF, 10**9), rate=here._measure)
    assert (spec.name, why, here.measured) == ("ifrnet", "it was requested", 0)


def test_the_estimate_counts_everything_that_is_computed() -> None:
    whole = plan_network(MODELS["ifrnet-s"], ONNX, CPU, (256, 448), HALF)
    operations = 2 * MODELS["ifrnet-s"].multiplications(whole.scales) * 256 * 448
    expected = 10 * operations / (RATE * 1e9 * choose.EFFICIENCY)
    assert estimate(whole, 10, RATE) == pytest.approx(expected)
    assert 0 < expected < ACCEPTED_SECONDS


def test_the_rate_is_of_one_large_convolution() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    times = iter(range(100))
    assert measure_convolution(ONNX, CPU, lambda: float(next(times))) == pytest.approx(2 * 64 * 64 * 9 * 256**2 / 1e9)
