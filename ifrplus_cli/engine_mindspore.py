"""Runs a network with MindSpore, on the device that was chosen for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import network_failure
from ifrplus_cli.weights import load_weights

if TYPE_CHECKING:
    from mindspore import nn

Batch = npt.NDArray[np.float32]


def convolution(weight: Batch) -> Callable[[Batch], Batch]:
    """A convolution (1, C, H, W) to (1, O, H, W) with a (O, C, 3, 3) kernel, compiled for the device that is set."""
    import mindspore

    from ifrplus_cli.models.blocks import conv

    outside, inside = weight.shape[:2]
    layer = conv(inside, outside)
    layer.weight.set_data(mindspore.Tensor(weight))
    layer.bias.set_data(mindspore.ops.zeros(outside))

    def run(picture: Batch) -> Batch:
        made: Batch = layer(mindspore.Tensor(picture)).asnumpy()
        return made

    return run


class MindSporeNetwork:
    """Runs a cell on numpy arrays; one compiled graph for each input shape.

    Args:
        cell: the network, its parameters not yet loaded.
        weights: a file of them.

    Raises:
        ModelError: if the weights can't be read or do not fit.
    """

    def __init__(self, cell: nn.Cell, weights: Path) -> None:
        import mindspore

        self._tensor = mindspore.Tensor
        self._cell = cell
        self._cell.set_train(False)
        own = dict(self._cell.parameters_and_names())
        values = load_weights(weights, {name: tuple(parameter.shape) for name, parameter in own.items()})
        for name, parameter in own.items():
            parameter.set_data(mindspore.Tensor(values[name], parameter.dtype))

    def __call__(self, *arrays: Batch) -> Batch:
        inputs = (self._tensor(np.ascontiguousarray(array)) for array in arrays)
        try:
            made: Batch = self._cell(*inputs).asnumpy()
        except (RuntimeError, MemoryError) as error:
            raise network_failure(error) from error
        return made
