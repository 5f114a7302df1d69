"""The networks this program can run, and the facts a caller needs about each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mindspore import nn


@dataclass(frozen=True)
class ModelSpec:
    """Facts about a network.

    Attributes:
        name: what ``--model`` calls it.
        multiple: heights and widths it takes are multiples of this.
        any_timestep: False for a network that only makes the midpoint.
        uses_prior: whether it starts from the classical flow of ``prior.py``.
        weights: name of its weights in the manifest of ``weights.py``.
        build: makes the network, parameters not yet loaded. Its ``construct(left, right, prior, t)`` takes
            float32 tensors (N, 3, H, W) RGB in 0..1 twice, (N, 4, H/2, W/2) and (N, 1, 1, 1), and returns
            (N, 3, H, W).
    """

    name: str
    multiple: int
    any_timestep: bool
    uses_prior: bool
    weights: str
    build: Callable[[], nn.Cell]


def _build_lite() -> nn.Cell:
    from ifrplus_cli.models.lite import Lite

    return Lite()


MODELS: dict[str, ModelSpec] = {
    "lite": ModelSpec("lite", 32, any_timestep=True, uses_prior=True, weights="lite", build=_build_lite),
}
