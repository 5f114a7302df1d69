"""Plan how a network is run on the pictures of a clip: precision, tiles, batches; before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models import ModelSpec, Scales
from ifrplus_cli.network.bisection import largest_error
from ifrplus_cli.network.device import Device, free_memory, this_machine
from ifrplus_cli.network.engine import MINDSPORE, Engine
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER
from ifrplus_cli.network.int8 import try_int8
from ifrplus_cli.network.request import DEFAULT_OVERLAP
from ifrplus_cli.network.tiling import TilePlan, auto_tiles, plan_tiles

BATCH_PIXELS = 1920 * 1024  # small tiles go through the network together, up to this many pixels at once
SIDE_BY_SIDE_PIXELS = 2048 * 1152  # largest picture for which two are made at the same time: 0.4 GB more
LEAST_PAIRS, CORES_A_PAIR = 2, 2  # that are made at the same time where there are several cores
PAIRS_SHARE = 0.25  # share of the free memory that more pairs than these may take
MEMORY_SHARE = 0.8  # share of the free memory that the network may take
LARGEST_PART = 0.8  # largest part of a picture that is worth making by itself
LARGEST_SIDE = 2**15 - 2  # of a picture that OpenCV samples
GIGABYTE = 1e9


@dataclass(frozen=True)
class NetworkOptions:
    """The user's choices about how the network is run.

    Attributes:
        tile: ``auto``, ``off`` or the maximum tile size as (width, height) in pixels.
        tile_overlap: least overlap of tiles in pixels.
        flow_scale: size at which motion is estimated, relative to the picture, 1 to 1/8; None for the preset.
        precision: ``auto``, ``fp32``, ``fp16`` or ``int8``.
    """

    tile: str | tuple[int, int] = "auto"
    tile_overlap: int = DEFAULT_OVERLAP
    flow_scale: float | None = None
    precision: str = "auto"


@dataclass(frozen=True)
class NetworkPlan:
    """How a network is run on the pictures of a clip.

    Attributes:
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: tiles that go through the network at once.
        reasons: sentences that say what was chosen, and why.
        notes: sentences that a user should read.
    """

    spec: ModelSpec
    engine: Engine
    device: Device
    scales: Scales
    precision: str
    tiles: TilePlan
    batch: int
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_divided(self) -> bool:
        """Whether the network sees frames one by one first, and returns parts, which are merged on the CPU."""
        return self.spec.build_parts is not None and self.device.kind == "CPU"

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the network takes, in order."""
        return self.spec.parts_inputs if self.is_divided else self.spec.inputs

    def tiles_of(self, size: tuple[int, int]) -> TilePlan:
        """Return the tiles for a part of the picture, (height, width); its own tiles if the engine takes any size."""
        part, whole = math.prod(size), self.tiles.height * self.tiles.width
        if self.tiles.count > 1 or not self.engine.takes_any_size or part > LARGEST_PART * whole:
            return self.tiles
        return plan_tiles(*size, multiple=self.spec.multiple(self.scales), tile=None, overlap=0)


def plan_network(
    spec: ModelSpec,
    engine: Engine,
    device: Device,
    size: tuple[int, int],
    timesteps: Iterable[Fraction],
    options: NetworkOptions | None = None,
) -> NetworkPlan:
    """Plan how a network is run; nothing is built or loaded.

    Args:
        size: (height, width) of the pictures in pixels.
        timesteps: all timesteps that will be requested.
        options: the user's choices.

    Raises:
        IfrplusError: if an option can't be met, or the pictures are too large.
    """
    if max(size) > LARGEST_SIDE:
        problem = f"A picture of {size[1]}x{size[0]} is too large: a side may have {LARGEST_SIDE} pixels."
        raise ModelError(problem, "Scale or cut the film with ffmpeg first.")
    options = options or NetworkOptions()
    preset = spec.scales(*size)
    scales = preset if options.flow_scale is None else Scales(options.flow_scale, preset.refiner)
    precision, why = _precision(spec, engine, device, options.precision)
    needed = spec.bytes_per_pixel if engine == MINDSPORE else spec.onnx_bytes_per_pixel
    # Of an accelerator only MindSpore can tell.
    free = free_memory(device) if engine == MINDSPORE or device.kind == "CPU" else None
    room = _room(free, needed)
    tiles = _tiles(spec, size, scales, options, room)
    why_tiles = (_why(tiles, free, needed),) if options.tile == "auto" else ()
    notes = timing_notes(spec, timesteps)
    return NetworkPlan(spec, engine, device, scales, precision, tiles, _batch(tiles, room), (*why, *why_tiles), notes)


def timing_notes(spec: ModelSpec, timesteps: Iterable[Fraction]) -> tuple[str, ...]:
    """Return a sentence about times that a network can't meet, if there are such."""
    if spec.any_timestep or not (error := largest_error(timesteps)):
        return ()
    return (
        f"The network {spec.name} only halves gaps: the times of made frames are wrong by up to {float(error):.1%} "
        "of the gap between two source frames.",
    )


def _precision(spec: ModelSpec, engine: Engine, device: Device, wanted: str) -> tuple[str, tuple[str, ...]]:
    """Return the precision, and where there is a choice a sentence about it."""
    possible = spec.precisions if engine == MINDSPORE else ("fp32",)
    if engine.provider == CPU_PROVIDER and spec.graph and spec.graph.int8_file_name:
        possible = (*possible, "int8")
        if wanted == "auto":
            faster, why = try_int8(spec.name)
            chosen = "int8" if faster else "fp32"
            return chosen, (f"The precision is {chosen}: {why}.",)
    if wanted == "auto":
        return "fp32" if device.kind == "CPU" else possible[-1], ()
    if wanted not in possible:
        raise ModelError(
            f"The network {spec.name} does not run in {wanted} with {engine} on the device {device}.",
            "Leave --precision out.",
        )
    return wanted, ()


def _room(free: int | None, bytes_per_pixel: int) -> float:
    """Return the pixels that fit the free memory; if that is unknown, the size that has been run on an Ascend 910A."""
    return BATCH_PIXELS if free is None else MEMORY_SHARE * free / bytes_per_pixel


def _tiles(
    spec: ModelSpec,
    size: tuple[int, int],
    scales: Scales,
    options: NetworkOptions,
    room: float,
) -> TilePlan:
    """Return the tiles: for ``auto`` the largest that fit ``room``."""

    def plan(tile: tuple[int, int] | None) -> TilePlan:
        height, width = size
        return plan_tiles(height, width, multiple=spec.multiple(scales), tile=tile, overlap=options.tile_overlap)

    if not isinstance(options.tile, str):
        return plan(options.tile)
    if options.tile == "off":
        return plan(None)
    plans = [plan(tile) for tile in auto_tiles(*size)]
    return next((tiles for tiles in plans if _pixels(tiles) <= room), plans[-1])


def _why(tiles: TilePlan, free: int | None, bytes_per_pixel: int) -> str:
    """Return a sentence about tiles that were chosen to fit the free memory."""
    height, width = tiles.tile_size
    how = f"whole, as {width}x{height}" if tiles.count == 1 else f"in {tiles.count} tiles of {width}x{height}"
    needed = f"{_pixels(tiles) * bytes_per_pixel / GIGABYTE:.1f} GB"
    available = "; how much is free is unknown" if free is None else f" of {free / GIGABYTE:.1f} GB of free memory"
    return f"Pictures are run {how}: that takes about {needed}{available}."


def _pixels(tiles: TilePlan) -> int:
    height, width = tiles.tile_size
    return height * width


def _batch(tiles: TilePlan, room: float) -> int:
    """Return the tiles at once: as many as fit, shared evenly among the rounds."""
    fitting = max(1, int(min(BATCH_PIXELS, room)) // _pixels(tiles))
    return math.ceil(tiles.count / math.ceil(tiles.count / fitting))


def pairs_at_once(plan: NetworkPlan) -> int:
    """Return how many pairs of a film are best made at the same time.

    On a CPU it is one for every two cores, but at least two, as far as memory allows: operations on few cores each
    wait less for one another. More than two take no more than PAIRS_SHARE of the free memory.
    """
    cores, pixels = this_machine().cores(), math.prod(plan.tiles.padded_size)
    if plan.engine.provider != CPU_PROVIDER or cores == 1 or pixels > SIDE_BY_SIDE_PIXELS:
        return 1
    free, needed = free_memory(plan.device), pixels * plan.spec.onnx_bytes_per_pixel
    if free is None:
        return LEAST_PAIRS
    least = LEAST_PAIRS if LEAST_PAIRS * needed <= MEMORY_SHARE * free else 1
    return max(least, min(cores // CORES_A_PAIR, int(PAIRS_SHARE * free / needed)))
