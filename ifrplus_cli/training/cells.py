"""One training step: losses and gradients of a batch, then the update of the weights and of their moving average."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore.experimental.optim import AdamW

from ifrplus_cli.models.ops import equal_parts
from ifrplus_cli.training.losses import (
    Perceptual,
    charbonnier,
    distillation,
    energy,
    explained_flow,
    focal_frequency,
    laplacian,
    logarithm,
)

_each = ops.HyperMap()  # a loop over hundreds of weights would be nested as deep in the graph


class WithFlows(nn.Cell):
    """A network as training sees it: returns frame and flows, whatever inputs it takes."""

    def __init__(self, network: nn.Cell, kind: str) -> None:
        """
        Args:
            network: the network.
            kind: ``lite`` or ``ifrplus``.
        """
        super().__init__()
        self.network = network
        self.lite = kind == "lite"

    def construct(self, left: Tensor, right: Tensor, prior: Tensor, t: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return (N, 3, H, W), not clipped, and flows (N, 4, h, w) in full-resolution pixels, finest first."""
        if self.lite:
            return self.network.with_flows(left, right, prior, t)
        made, flows = self.network.generator(left, right)
        full = ()
        for flow in flows:
            full += (flow * (left.shape[3] / flow.shape[3]),)
        return made, full


class Losses(nn.Cell):
    """All losses of a batch, and their weighted sum."""

    def __init__(self, network: WithFlows, weights: dict[str, float], perceptual: Perceptual | None) -> None:
        """
        Args:
            network: the network in training.
            weights: weight of each loss that is used, by name.
            perceptual: needed for the loss of that name.
        """
        super().__init__()
        self.network = network
        self.names = tuple(weights)
        self.weights = tuple(weights.values())
        self.perceptual = perceptual

    def construct(
        self, left: Tensor, true: Tensor, right: Tensor, t: Tensor, flows: Tensor, scale: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Compute the losses.

        Args:
            left, true, right: (N, 3, H, W) float32 in 0..1.
            t: (N, 1, 1, 1) float32.
            flows: (N, 8, H/4, W/4) float32, the prior's, then the teacher's.
            scale: loss scale, by which the sum is multiplied so that small gradients do not vanish.

        Returns:
            The scaled sum, and each loss by itself.
        """
        prior, teacher = equal_parts(flows, 2)
        made, own = self.network(left, right, prior, t)
        total = 0.0
        parts = ()
        for number in range(len(self.names)):
            name = self.names[number]
            if name == "charbonnier":
                loss = charbonnier(made, true)
            elif name == "frequency":
                loss = focal_frequency(made, true)
            elif name == "perceptual":
                loss = self.perceptual(made, true)
            elif name == "distillation":
                loss = distillation(own, teacher)
            elif name == "energy":
                loss = energy(made, true)
            elif name == "laplacian":
                loss = laplacian(made, true)
            elif name == "logarithm":
                loss = logarithm(made, true)
            else:
                loss = explained_flow(own, teacher, left, true, right)
            parts += (loss,)
            total = total + self.weights[number] * loss
        return total * scale, parts


_mean_over = ops.MultitypeFuncGraph("mean_over")


@_mean_over.register("Function", "Number", "Tensor")
def _mean_over_of_one(reduce: ops.AllReduce, devices: int, gradient: Tensor) -> Tensor:
    return reduce(gradient) / devices


class Gradients(nn.Cell):
    """Losses of a batch, and the gradients of their scaled sum, averaged over all devices."""

    def __init__(self, losses: Losses, parameters: ParameterTuple, devices: int) -> None:
        super().__init__()
        self.losses = losses
        self.find = ms.value_and_grad(losses, None, parameters, has_aux=True)
        self.devices = devices
        self.reduce = ops.AllReduce() if devices > 1 else None

    def construct(
        self, left: Tensor, true: Tensor, right: Tensor, t: Tensor, flows: Tensor, scale: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Compute them from the arguments of ``Losses``.

        Returns:
            (K,) the losses, and the gradients.
        """
        (_, parts), gradients = self.find(left, true, right, t, flows, scale)
        parts = ops.stack(parts)
        if self.devices > 1:
            parts = self.reduce(parts) / self.devices
            gradients = _each(ops.partial(_mean_over, self.reduce, self.devices), gradients)
        return parts, gradients


_squared = ops.MultitypeFuncGraph("squared")
_times = ops.MultitypeFuncGraph("times")
_plus = ops.MultitypeFuncGraph("plus")
_follow = ops.MultitypeFuncGraph("follow")


@_squared.register("Tensor")
def _squared_of_one(gradient: Tensor) -> Tensor:
    return ops.square(ops.cast(gradient, ms.float32)).sum()


@_times.register("Tensor", "Tensor")
def _times_of_one(factor: Tensor, gradient: Tensor) -> Tensor:
    return factor * gradient


@_plus.register("Tensor", "Tensor")
def _plus_of_one(one: Tensor, other: Tensor) -> Tensor:
    return one + other


@_follow.register("Tensor", "Tensor", "Tensor")
def _follow_of_one(keep: Tensor, average: Tensor, own: Tensor) -> Tensor:
    return ops.assign(average, own + keep * (average - own))


class Norm(nn.Cell):
    """Norm of all gradients together; it is not finite if one of them is not."""

    def construct(self, *gradients: Tensor) -> Tensor:
        return ops.sqrt(ops.addn(_each(_squared, gradients)))


class Added(nn.Cell):
    """Sum of the gradients of two batches."""

    def construct(self, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Add the gradients of one batch, which come first, to those of the other."""
        count = len(gradients) // 2
        return _each(_plus, gradients[:count], gradients[count:])


class Update(nn.Cell):
    """AdamW (arXiv 1711.05101) on scaled gradients, then the moving average of the weights."""

    def __init__(self, parameters: ParameterTuple, weight_decay: float, averaging: float) -> None:
        super().__init__()
        self.optimizer = AdamW(list(parameters), lr=1.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay)
        self.rate = self.optimizer.param_groups[0]["lr"]
        self.own = parameters
        self.averages = parameters.clone("average", init="same")
        self.averaging = averaging

    def construct(self, factor: Tensor, rate: Tensor, step: Tensor, *gradients: Tensor) -> Tensor:
        """Update the weights.

        Args:
            factor: factor on the gradients.
            rate: learning rate.
            step: float, counted from 0; averages follow faster at the beginning.
            gradients: scaled; passed one by one, since a tuple would be compiled again each time.
        """
        ops.assign(self.rate, rate)
        done = self.optimizer(_each(ops.partial(_times, factor), gradients))
        keep = ops.minimum(Tensor(self.averaging, ms.float32), (1 + step) / (10 + step))
        followed = _each(ops.partial(_follow, ops.depend(keep, done)), self.averages, self.own)
        return ops.depend(done, followed)


def state_of(update: Update, names: Sequence[str]) -> dict[str, Parameter]:
    """Return everything that a run must save, by name: averages under the network's own names.

    Args:
        names: names of the weights, as the network alone has them.
    """
    optimizer = update.optimizer
    kept: dict[str, Parameter] = {"state_step": optimizer.state_step}
    for number, name in enumerate(names):
        kept[name] = update.averages[number]
        kept[f"network.{name}"] = update.own[number]
        kept[f"exp_avg.{name}"] = optimizer.exp_avg[number]
        kept[f"exp_avg_sq.{name}"] = optimizer.exp_avg_sq[number]
    return kept
