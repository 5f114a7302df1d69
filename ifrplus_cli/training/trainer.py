"""Train a network with MindSpore, step by step, from numpy batches."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import DeviceError, InputError, first_line, network_failure
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.training.examples import COLUMNS, Rows
from ifrplus_cli.training.recipe import Recipe
from ifrplus_cli.weights.reading import load_weights

if TYPE_CHECKING:
    from mindspore import nn

Batch = Mapping[str, npt.NDArray[Any]]
Array = npt.NDArray[np.float32]

CALL_DEPTH = 20_000  # of functions in a graph: the full network with its gradients exceeds the usual 1000
FIRST_SCALE, SCALE_STEPS = 2.0**15, 1000  # of half precision; it doubles after so many steps without overflow


@dataclass(frozen=True)
class World:
    """The rank of this process among those that train together."""

    rank: int = 0
    devices: int = 1


def join_world() -> World:
    """Connect to the other processes that ``msrun`` has started, if any. The device must have been chosen.

    Raises:
        DeviceError: if they can't be reached.
    """
    if "MS_WORKER_NUM" not in os.environ:
        return World()
    from mindspore import communication

    try:
        communication.init()
        return World(communication.get_rank(), communication.get_group_size())
    except (RuntimeError, ValueError) as error:
        reason = f"The processes that msrun started can't reach each other: {first_line(error)}."
        raise DeviceError(reason, "") from error


@dataclass(frozen=True)
class Step:
    """The result of a step.

    Attributes:
        losses: by name, means over all batches and devices.
        norm: of the gradients before they are clipped.
        skipped: whether losses or gradients were not finite, so that the weights stay as they were.
    """

    losses: Mapping[str, float]
    norm: float
    skipped: bool


class Trainer:
    """A network with its optimizer and the moving average of its weights.

    Attributes:
        names: names of the weights.
        scale: loss scale; above 1 only in half precision.
    """

    def __init__(
        self, kind: str, recipe: Recipe, *, seed: int, world: World, precision: str, perceptual: Path | None = None
    ) -> None:
        """
        Args:
            kind: ``lite`` or ``ifrplus``.
            recipe: hyperparameters.
            seed: random seed.
            world: this process among those that train together.
            precision: ``fp32``, or ``fp16`` if the network supports it.
            perceptual: weights of VGG 16 and LPIPS, for the loss of that name.
        """
        import mindspore as ms

        from ifrplus_cli.training.cells import Added, Gradients, Losses, Norm, Update, WithFlows, state_of
        from ifrplus_cli.training.losses import Perceptual

        ms.set_seed(seed)
        ms.set_recursion_limit(CALL_DEPTH)
        self._recipe = recipe
        network = MODELS[kind].build(Scales(1), precision)
        network.set_train(True)
        parameters = ms.ParameterTuple(network.trainable_params())
        self.names = tuple(name for name, _ in network.parameters_and_names())
        self._network = WithFlows(network, kind)
        judge = None
        if perceptual is not None:
            judge = Perceptual()
            _load(judge, perceptual)
        self._losses = tuple(recipe.losses.used)
        losses = Losses(self._network, recipe.losses.used, judge)
        self._gradients = Gradients(losses, parameters, world.devices)
        self._norm, self._added = Norm(), Added()
        self._update = Update(parameters, recipe.weight_decay, recipe.averaging)
        self._kept = state_of(self._update, self.names)
        self._tensor = ms.Tensor
        self.scale = FIRST_SCALE if precision == "fp16" else 1.0
        self._scales = precision == "fp16"
        self._good_steps = 0

    def begin_from(self, weights: Path) -> None:
        """Load the weights of a file.

        Raises:
            ModelError: if they do not fit.
        """
        shapes = {name: tuple(self._kept[name].shape) for name in self.names}
        for name, value in load_weights(weights, shapes).items():
            for key in (name, f"network.{name}"):
                self._kept[key].set_data(self._tensor(value))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that a run must save, by name."""
        return {
            **{name: parameter.asnumpy() for name, parameter in self._kept.items()},
            "loss_scale": np.array([self.scale, self._good_steps], np.float64),
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore a saved state."""
        for name, parameter in self._kept.items():
            parameter.set_data(self._tensor(np.ascontiguousarray(state[name]), parameter.dtype))
        self.scale, self._good_steps = float(state["loss_scale"][0]), int(state["loss_scale"][1])

    def averages(self) -> dict[str, Array]:
        """Return the averaged weights."""
        return {name: self._kept[name].asnumpy() for name in self.names}

    def step(self, batches: Sequence[Batch], rate: float, number: int) -> Step:
        """Make one step from several batches.

        Args:
            batches: accumulated into one step.
            rate: learning rate.
            number: number of the step, counted from 0.
        """
        try:
            return self._step(batches, rate, number)
        except (RuntimeError, MemoryError) as error:
            raise network_failure(error) from error

    def _step(self, batches: Sequence[Batch], rate: float, number: int) -> Step:
        parts: list[Array] = []
        gradients: tuple[Any, ...] = ()
        for batch in batches:
            values, found = self._gradients(*self._inputs(batch), self._number(self.scale))
            parts.append(values.asnumpy())
            gradients = self._added(*gradients, *found) if gradients else found
        losses = dict(zip(self._losses, np.mean(parts, axis=0, dtype=np.float64).tolist(), strict=True))
        unit = 1 / (self.scale * len(batches))
        norm = float(self._norm(*gradients).asnumpy()) * unit
        if not (math.isfinite(norm) and all(map(math.isfinite, losses.values()))):
            self._overflowed()
            return Step(losses, norm, skipped=True)
        factor = unit * min(1.0, self._recipe.largest_norm / max(norm, 1e-12))
        self._update(*map(self._number, (factor, rate, float(number))), *gradients)
        self._went_well()
        return Step(losses, norm, skipped=False)

    def made(self, batch: Batch) -> Array:
        """Make frames (N, 3, H, W) with the averaged weights."""
        own = {name: self._kept[f"network.{name}"].asnumpy() for name in self.names}
        try:
            self._use(self.averages())
            left, _, right, t, flows = self._inputs(batch)
            made: Array = self._network(left, right, flows[:, :4], t)[0].asnumpy()
        finally:
            self._use(own)
        return made

    def _use(self, weights: Mapping[str, Array]) -> None:
        for name, value in weights.items():
            self._kept[f"network.{name}"].set_data(self._tensor(value))

    def _inputs(self, batch: Batch) -> tuple[Any, ...]:
        pictures = (batch[name].astype(np.float32) / np.float32(255) for name in ("left", "true", "right"))
        return tuple(map(self._tensor, (*pictures, batch["t"], batch["flows"])))

    def _number(self, value: float) -> Any:
        return self._tensor(np.float32(value))

    def _overflowed(self) -> None:
        if self._scales:
            self.scale, self._good_steps = max(self.scale / 2, 1.0), 0

    def _went_well(self) -> None:
        self._good_steps += 1
        if self._scales and self._good_steps % SCALE_STEPS == 0:
            self.scale *= 2


def _load(cell: nn.Cell, weights: Path) -> None:
    import mindspore

    own = dict(cell.parameters_and_names())
    for name, value in load_weights(weights, {name: tuple(one.shape) for name, one in own.items()}).items():
        own[name].set_data(mindspore.Tensor(value))


def read_batches(rows: Rows, batch: int, workers: int) -> Iterator[Batch]:
    """Yield batches of rows from MindSpore's pipeline.

    Args:
        rows: the rows of this device.
        batch: batch size.
        workers: processes that make rows.

    Raises:
        InputError: names what can't be used for training.
    """
    import mindspore.dataset as ds

    pipeline = ds.GeneratorDataset(
        rows, list(COLUMNS), shuffle=False, num_parallel_workers=workers, python_multiprocessing=workers > 1
    ).batch(batch, drop_remainder=True)
    for found in pipeline.create_dict_iterator(num_epochs=1, output_numpy=True):
        if faults := [str(fault) for fault in found["fault"] if str(fault)]:
            message, _, hint = faults[0].partition("\n")
            raise InputError(message, hint)
        yield found
