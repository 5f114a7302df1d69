"""Run a network with MindSpore, on the device that was chosen for it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import network_failure
from ifrplus_cli.network.mindspore_cache import graph_folder
from ifrplus_cli.network.network_code import code_checksum
from ifrplus_cli.weights.reading import load_weights

if TYPE_CHECKING:
    from mindspore import nn

Batch = npt.NDArray[np.float32]


def convolution(weight: Batch) -> Callable[[Batch], Batch]:
    """Return a convolution (1, C, H, W) to (1, O, H, W) with a (O, C, 3, 3) kernel, compiled for the current device."""
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
    """Run a cell on numpy arrays, with one compiled graph for each input shape.

    Args:
        cell: the network, its parameters not yet loaded.
        weights: a file of them.
        name: identifies the cell with all its settings; if given, the compiled graph is kept for the next run, on a
            CPU.
        features: what sees one frame alone, if the cell leaves that out; it has parameters of the cell.

    Raises:
        ModelError: if the weights can't be read or do not fit.
    """

    _keeps = True  # MindSpore identifies cached graphs by number: only the first one of a process is sure to be right

    def __init__(self, cell: nn.Cell, weights: Path, name: str | None = None, features: nn.Cell | None = None) -> None:
        import mindspore

        self._name = name
        self._tensor = mindspore.Tensor
        self._cell, self._features = cell, features
        own = dict(cell.parameters_and_names())
        values = load_weights(weights, {name: tuple(parameter.shape) for name, parameter in own.items()})
        for each in filter(None, (cell, features)):
            each.set_train(False)
            for own_name, parameter in each.parameters_and_names():
                parameter.set_data(mindspore.Tensor(values[own_name], parameter.dtype))

    def __call__(self, *arrays: Batch) -> Batch:
        with self._kept([array.shape for array in arrays]):
            return self._run(self._cell, arrays)

    def encode(self, frames: Batch) -> Batch:
        """Compute the features of (N, 3, H, W) frames; only with ``features``."""
        assert self._features is not None
        return self._run(self._features, [frames])

    def _run(self, cell: nn.Cell, arrays: Sequence[Batch]) -> Batch:
        try:
            made: Batch = cell(*(self._tensor(np.ascontiguousarray(array)) for array in arrays)).asnumpy()
        except (RuntimeError, MemoryError) as error:
            raise network_failure(error) from error
        return made

    @contextmanager
    def _kept(self, shapes: Sequence[tuple[int, ...]]) -> Iterator[None]:
        """Load what is compiled inside from an earlier run, or keep it for a later one; once per process."""
        import mindspore
        from mindspore.common import api

        context = mindspore.get_context
        in_graph = context("mode") == mindspore.GRAPH_MODE and context("device_target") == "CPU"
        if self._name is None or not MindSporeNetwork._keeps or not in_graph:
            yield
            return
        MindSporeNetwork._keeps = False
        made_by = (mindspore.__version__, platform.python_version(), platform.machine())
        with graph_folder(self._name, shapes, code_checksum(), made_by) as folder:
            if folder is None:
                yield
                return
            mindspore.set_context(enable_compile_cache=True, compile_cache_path=str(folder))
            # MindSpore would hash the started script, if there is one, and all that it imports; the folder's name
            # already identifies everything on which the graph depends.
            script, api.entry_script_path = api.entry_script_path, None
            try:
                yield
            finally:
                api.entry_script_path = script
                mindspore.set_context(enable_compile_cache=False)
