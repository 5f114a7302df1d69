"""Choose the network for a run: the requested one, or the best one available that keeps the run short enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models import MODELS, ModelSpec
from ifrplus_cli.network.bisection import largest_error
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import GIGA, Engine, can_run, choose_engine, measure_convolution
from ifrplus_cli.network.plan import NetworkOptions, NetworkPlan, plan_network
from ifrplus_cli.network.request import NetworkRequest, Precision
from ifrplus_cli.weights.manifest import find_weights

ACCEPTED_SECONDS = 600.0  # longest run with a network that was not requested by name
EFFICIENCY = 0.5  # share of its rate in one large convolution that a machine reaches in a network: measured 0.4 to 0.75
SMALLEST = "lite"
# The full network, RIFE, then the others by their published PSNR on Vimeo-90K; of these, those trained for any timestep
# come last, for they learned from fewer scenes.
BEST_FIRST = ("ifrplus", "rife", "ifrnet-l", "ifrnet", "ifrnet-s", "ifrnet-l-gopro", "ifrnet-gopro", "ifrnet-s-gopro")
# Whoever fetched RIFE for an accelerator wants it, and its time hardly counts there; on a CPU lite makes better
# pictures in less time.
NOT_ON_A_CPU = ("rife",)
MINUTE = 60  # seconds


@dataclass(frozen=True)
class Work:
    """The work that a run gives its network.

    Attributes:
        size: (height, width) of the pictures in pixels.
        timesteps: all timesteps that will be requested.
        frames: number of frames that are made if every gap has motion.
    """

    size: tuple[int, int]
    timesteps: tuple[Fraction, ...]
    frames: int


def choose_network(
    work: Work, request: NetworkRequest | None = None, note: Callable[[str], None] = lambda _: None
) -> NetworkPlan:
    """Choose engine, device and network for some work, and how the network is run; nothing is loaded.

    Args:
        request: what was asked for; by default nothing in particular.
        note: receives a sentence about each accelerator that is present but cannot be used.

    Raises:
        IfrplusError: if the request cannot be met.
    """
    request = request or NetworkRequest()
    # A file of weights without a network's name is one of the smallest network.
    name = SMALLEST if request.weights is not None and request.model == "auto" else request.model
    options = options_of(request)
    engine, device, why_engine = choose_engine(request.engine, request.device, name, note)
    spec, why = choose_model(name, engine, device, work, options)
    plan = plan_network(spec, engine, device, work.size, work.timesteps, options)
    reasons = (f"The network is {spec.name}: {why}.", f"The engine is {engine}: {why_engine}.")
    return replace(plan, reasons=(*reasons, *plan.reasons))


def options_of(request: NetworkRequest) -> NetworkOptions:
    """Return how the network is to be run."""
    flow = None if request.flow_scale == "auto" else float(request.flow_scale)
    return NetworkOptions(request.tile, request.tile_overlap, flow, _precision(request))


def _precision(request: NetworkRequest) -> Precision:
    """Return the precision that was asked for; 8 bits were calibrated for the bundled weights, and suit no others."""
    if request.weights is None:
        return request.precision
    if request.precision == "int8":
        raise ModelError("Only the bundled weights run in int8.", "Leave --weights or --precision out.")
    lite = request.precision == "auto" and request.model in ("auto", SMALLEST)
    return "fp32" if lite else request.precision


def choose_model(
    name: str,
    engine: Engine,
    device: Device,
    work: Work,
    options: NetworkOptions | None = None,
    rate: Callable[[Engine, Device], float] = measure_convolution,
) -> tuple[ModelSpec, str]:
    """Return the network that ``name`` means for a run, and the reason.

    ``auto`` is the best network whose weights are on this machine, that makes frames at the requested times, and that
    is estimated to take at most ``ACCEPTED_SECONDS``; otherwise lite. If only lite is available, nothing is measured.

    Args:
        rate: measures billions of multiplications and additions per second in a large convolution.
    """
    if name != "auto":
        return MODELS[name], "it was requested"
    exact = not largest_error(work.timesteps)
    able = [each for each in BEST_FIRST if device.kind != "CPU" or each not in NOT_ON_A_CPU]
    here = [MODELS[each] for each in able if find_weights(MODELS[each].weights)]
    fitting = [spec for spec in here if can_run(engine, spec) and (exact or spec.any_timestep)]
    if not fitting:
        return MODELS[SMALLEST], "no weights of another suitable network are installed; see ifrplus download-weights"
    speed = rate(engine, device)
    too_slow: list[str] = []
    for spec in fitting:
        seconds = estimate(plan_network(spec, engine, device, work.size, work.timesteps, options), work.frames, speed)
        duration = f"an estimated {_time(seconds)} for {work.frames} frames at {speed:.0f} GFLOP/s"
        if seconds <= ACCEPTED_SECONDS:
            return spec, "; ".join((*too_slow, f"it takes {duration}, and the limit is {_time(ACCEPTED_SECONDS)}"))
        too_slow.append(f"{spec.name} would take {duration}")
    return MODELS[SMALLEST], f"{'; '.join(too_slow)}; the limit is {_time(ACCEPTED_SECONDS)}"


def estimate(plan: NetworkPlan, frames: int, rate: float) -> float:
    """Estimate a network's seconds for some frames; ``rate`` is the machine's GFLOP/s in a large convolution."""
    return frames * operations(plan) / (GIGA * rate * EFFICIENCY)


def operations(plan: NetworkPlan) -> float:
    """Return the multiplications and additions of the network's convolutions for one picture."""
    height, width = plan.tiles.tile_size
    return 2 * plan.spec.multiplications(plan.scales) * plan.tiles.count * height * width


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.0f} min"
