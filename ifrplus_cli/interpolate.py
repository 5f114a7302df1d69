"""Two pictures and timesteps in, pictures between them out: pads, tiles, batches and runs the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import IfrplusError, ModelError
from ifrplus_cli.media import Image
from ifrplus_cli.models import MODELS, ModelSpec
from ifrplus_cli.prior import intermediate_flow, pair_flow
from ifrplus_cli.tiling import TilePlan
from ifrplus_cli.weights import find_weights, load_weights, sha256_of

Batch = npt.NDArray[np.float32]
BATCH_PIXELS = 1920 * 1024  # small tiles go through the network together, up to this many pixels at once


class Network(Protocol):
    """A network on its device, as numpy sees it."""

    def __call__(self, left: Batch, right: Batch, prior: Batch, t: Batch) -> Batch:
        """(N, 3, H, W) RGB in 0..1 twice, (N, 4, H/2, W/2) prior flow, (N, 1, 1, 1) timestep -> (N, 3, H, W)."""
        ...


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, ready to run."""

    spec: ModelSpec
    network: Network
    weights_path: Path
    weights_sha256: str


def load_model(name: str = "lite", weights: Path | None = None) -> LoadedModel:
    """Build a network and load its weights; the device must have been chosen before.

    Args:
        weights: a file of its weights; by default the one that is found for it.

    Raises:
        ModelError: if weights are missing or do not fit.
    """
    spec = MODELS[name]
    path = weights or find_weights(spec.weights)
    if path is None or not path.is_file():
        raise ModelError(
            f"The weights {path or spec.weights} were not found.", "Give their file with --weights, or reinstall."
        )
    return LoadedModel(spec, _MindSporeNetwork(spec, path), path, sha256_of(path))


class _MindSporeNetwork:
    """Runs a MindSpore cell on numpy arrays; one compiled graph for each input shape."""

    def __init__(self, spec: ModelSpec, path: Path) -> None:
        import mindspore

        self._tensor = mindspore.Tensor
        self._cell = spec.build()
        self._cell.set_train(False)
        own = dict(self._cell.parameters_and_names())
        values = load_weights(path, {name: tuple(parameter.shape) for name, parameter in own.items()})
        for name, parameter in own.items():
            parameter.set_data(mindspore.Tensor(values[name]))

    def __call__(self, left: Batch, right: Batch, prior: Batch, t: Batch) -> Batch:
        inputs = (self._tensor(np.ascontiguousarray(array)) for array in (left, right, prior, t))
        try:
            made: Batch = self._cell(*inputs).asnumpy()
        except (RuntimeError, MemoryError) as error:
            raise _explain(error) from error
        return made


def _explain(error: Exception) -> IfrplusError:
    said = str(error).strip().splitlines()
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return ModelError("The network ran out of memory.", "Choose smaller tiles, such as --tile 640x384.")
    return ModelError(f"The network failed: {said[0] if said else error!r}.", "Try --device CPU.")


class Interpolator:
    """Makes frames between two frames of one size; one compiled shape for a whole run."""

    def __init__(self, model: LoadedModel, plan: TilePlan, flow_scale: float | None = None) -> None:
        self.model = model
        self.plan = plan
        self.flow_scale = flow_scale
        height, width = plan.tile_size
        fitting = max(1, BATCH_PIXELS // (height * width))
        rounds = math.ceil(plan.count / fitting)
        self.batch = math.ceil(plan.count / rounds)

    def __call__(self, left: Image, right: Image, timesteps: Sequence[Fraction]) -> list[Image]:
        """Pictures at ``timesteps`` between ``left`` and ``right``, each float32 H x W x 3 RGB, not clipped."""
        left_tiles, right_tiles = self._tiles(left), self._tiles(right)
        prior_at = self.prior(left, right)
        made = []
        for t in timesteps:
            prior_tiles = self.plan.split(prior_at(float(t)), channels_first=True, scale=2)
            made.append(self._run(left_tiles, right_tiles, prior_tiles, float(t)))
        return made

    def prior(self, left: Image, right: Image) -> Callable[[float], Batch]:
        """The flow that the network starts from, as a function of the timestep; zeros for one that needs none."""
        if self.model.spec.uses_prior:
            flow = pair_flow(self._padded(left), self._padded(right), self.flow_scale)
            return lambda t: intermediate_flow(flow, t)
        height, width = self.plan.padded_size
        none = np.zeros((4, height // 2, width // 2), np.float32)
        return lambda _: none

    def _tiles(self, image: Image) -> Batch:
        return np.ascontiguousarray(self.plan.split(image).transpose(0, 3, 1, 2))

    def _padded(self, image: Image) -> Image:
        height, width = self.plan.padded_size
        missing = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
        return np.pad(image, missing, mode="edge")

    def _run(self, left: Batch, right: Batch, prior: Batch, t: float) -> Image:
        steps = np.full((self.batch, 1, 1, 1), t, np.float32)
        tiles = []
        for start in range(0, len(left), self.batch):
            part = [_filled(array[start : start + self.batch], self.batch) for array in (left, right, prior)]
            tiles.append(self.model.network(part[0], part[1], part[2], steps)[: len(left) - start])
        merged: Image = self.plan.merge(np.concatenate(tiles).transpose(0, 2, 3, 1))
        return np.ascontiguousarray(merged)


def _filled(tiles: Batch, count: int) -> Batch:
    """Tiles repeated up to ``count``, so that the network always sees one shape."""
    if len(tiles) == count:
        return tiles
    return np.concatenate([tiles, np.repeat(tiles[-1:], count - len(tiles), axis=0)])
