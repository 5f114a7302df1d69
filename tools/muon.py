"""The optimizer that trains the lite network: it orthogonalises whole weight matrices, not each weight by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of AdamW
NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 5  # of Muon's reference implementation
RMS = 0.2  # of an update in learning rates, as AdamW's are
LEAST_SIDE = 8  # smallest side of a matrix that is orthogonalised


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of convolutions, AdamW (arXiv 1711.05101) for smaller parameters.

    The momentum of a matrix is replaced by the nearest matrix whose singular values are equal (Jordan et al., "Muon",
    2024), scaled to the size of AdamW's updates (arXiv 2502.16982, section 2.2), so that both use one learning rate.
    """

    def __init__(self, parameters: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update the weights by their gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                update = self._turned(weight) if _is_matrix(weight) else self._adam(weight)
                weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])

    def _turned(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"]
        momentum.lerp_(weight.grad, 1 - MOMENTUM)
        ahead = weight.grad.lerp(momentum, MOMENTUM)  # Nesterov's
        matrix = ahead.flatten(1)
        return (RMS * math.sqrt(max(matrix.shape)) * orthogonal(matrix)).reshape(ahead.shape)

    def _adam(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state.update(step=0, mean=torch.zeros_like(weight), square=torch.zeros_like(weight))
        state["step"] = count = state["step"] + 1
        mean, square = state["mean"], state["square"]
        mean.lerp_(weight.grad, 1 - BETAS[0])
        square.lerp_(weight.grad.square(), 1 - BETAS[1])
        spread = (square / (1 - BETAS[1] ** count)).sqrt() + EPSILON
        return mean / (1 - BETAS[0] ** count) / spread


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix with the same singular vectors whose singular values are about 1, by Newton-Schulz iteration."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    result = wide / (wide.norm() + 1e-7)
    for a, b, c in NEWTON_SCHULZ:
        square = result @ result.T
        result = a * result + (b * square + c * square @ square) @ result
    return result if wide is matrix else result.T


def _is_matrix(weight: Tensor) -> bool:
    return weight.ndim == 4 and min(weight.shape[0], weight[0].numel()) >= LEAST_SIDE
