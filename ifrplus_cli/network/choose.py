"""Which network a run is made by: the one that was asked for, or the best one here that keeps the run short enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ifrplus_cli.models import MODELS, ModelSpec
from ifrplus_cli.network.bisection import largest_error
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import Engine, can_run, measure_convolution
from ifrplus_cli.network.plan import NetworkOptions, NetworkPlan, plan_network
from ifrplus_cli.weights.manifest import find_weights

ACCEPTED_SECONDS = 600.0  # that a run may take with a network that nobody asked for
SHARE = 0.5  # of its rate in one large convolution that a machine reaches in a network: 0.4 to 0.75 were measured
SMALLEST = "lite"
# By their published PSNR on Vimeo-90K; those trained for any timestep are behind, for they learned from fewer scenes.
BEST_FIRST = ("ifrplus", "ifrnet-l", "ifrnet", "ifrnet-s", "ifrnet-l-gopro", "ifrnet-gopro", "ifrnet-s-gopro")
GIGA, MINUTE = 1e9, 60


@dataclass(frozen=True)
class Work:
    """What a run asks of its network.

    Attributes:
        size: (height, width) of the pictures in pixels.
        timesteps: all that will be asked for.
        frames: that are made if every gap has motion.
    """

    size: tuple[int, int]
    timesteps: tuple[Fraction, ...]
    frames: int


def choose_model(
    name: str,
    engine: Engine,
    device: Device,
    work: Work,
    options: NetworkOptions | None = None,
    rate: Callable[[Engine, Device], float] = measure_convolution,
) -> tuple[ModelSpec, str]:
    """The network that ``name`` means for a run, and why.

    ``auto`` is the best network whose weights are on this machine, that makes frames at the wanted times, and that by
    estimate takes at most ``ACCEPTED_SECONDS``; else lite. Where only lite is here nothing is measured.

    Args:
        rate: measures billions of multiplications and additions a second in a large convolution.
    """
    if name != "auto":
        return MODELS[name], "it was asked for"
    exact = not largest_error(work.timesteps)
    here = [MODELS[each] for each in BEST_FIRST if find_weights(MODELS[each].weights)]
    fitting = [spec for spec in here if can_run(engine, spec) and (exact or spec.any_timestep)]
    if not fitting:
        return MODELS[SMALLEST], "the weights of no other network that fits are here; see ifrplus download-weights"
    speed = rate(engine, device)
    too_slow: list[str] = []
    for spec in fitting:
        seconds = estimate(plan_network(spec, engine, device, work.size, work.timesteps, options), work.frames, speed)
        told = f"about {_time(seconds)} for {work.frames} frames at {speed:.0f} GFLOP/s by estimate"
        if seconds <= ACCEPTED_SECONDS:
            return spec, "; ".join((*too_slow, f"it takes {told}, and up to {_time(ACCEPTED_SECONDS)} are accepted"))
        too_slow.append(f"{spec.name} would take {told}")
    return MODELS[SMALLEST], f"{'; '.join(too_slow)}; up to {_time(ACCEPTED_SECONDS)} are accepted"


def estimate(plan: NetworkPlan, frames: int, rate: float) -> float:
    """Seconds that a network takes for some frames on a machine with this rate in a large convolution, in GFLOP/s."""
    return frames * operations(plan) / (GIGA * rate * SHARE)


def operations(plan: NetworkPlan) -> float:
    """Multiplications and additions of the network's convolutions for one picture."""
    height, width = plan.tiles.tile_size
    return 2 * plan.spec.multiplications(plan.scales) * plan.tiles.count * height * width


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.0f} min"
