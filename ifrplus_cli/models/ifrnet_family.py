"""Describe the layers of the IFRNet networks (arXiv 2205.14620), without MindSpore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

GOPRO = "-gopro"  # suffix of the names of weights that were trained for any timestep


@dataclass(frozen=True)
class Widths:
    """Channel counts, in which the members of the family differ.

    Attributes:
        encoder: channels of the features at 1/2, 1/4, 1/8 and 1/16.
        decoders: channels inside the decoders at 1/16, 1/8, 1/4 and 1/2.
        side: channels of a residual block that are convolved once more.
        first_kernel: side of the first convolution's kernel.
    """

    encoder: tuple[int, int, int, int]
    decoders: tuple[int, int, int, int]
    side: int
    first_kernel: int = 3


SMALL = Widths((24, 36, 54, 72), (144, 162, 108, 72), side=24)
BASE = Widths((32, 48, 72, 96), (192, 216, 144, 96), side=32)
LARGE = Widths((64, 96, 144, 192), (384, 432, 288, 192), side=64, first_kernel=7)
MEMBERS = {"ifrnet-s": SMALL, "ifrnet": BASE, "ifrnet-l": LARGE}


def widths_of(network: str) -> Widths:
    """Return the channel counts of a network by its name in ``MODELS``."""
    return MEMBERS[network.removesuffix(GOPRO)]


@dataclass(frozen=True)
class Layer:
    """A layer with parameters.

    Attributes:
        name: prefix of the names of its parameters.
        kind: ``Convolution``, ``Deconvolution`` (a transposed convolution) or ``PReLU``.
        shape: of its weight: (outside, inside, k, k), (inside, outside, k, k) or (channels,).
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    stride: int = 1
    padding: int = 0

    @property
    def outside(self) -> int:
        """Number of output channels."""
        return self.shape[1] if self.kind == "Deconvolution" else self.shape[0]

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of its parameters."""
        weight = {f"{self.name}.weight": self.shape}
        return weight if self.kind == "PReLU" else {**weight, f"{self.name}.bias": (self.outside,)}


def layers(widths: Widths) -> tuple[Layer, ...]:
    """Return all layers of a network, in the order in which it runs them; the encoder's come first."""
    return (*_encoder(widths), *(layer for number in (4, 3, 2, 1) for layer in _decoder(widths, number)))


def shapes(widths: Widths) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a network's parameters."""
    return {name: shape for layer in layers(widths) for name, shape in layer.parameters.items()}


def multiplications(widths: Widths) -> float:
    """Return the multiplications of the convolutions per pixel of the picture at which flows are estimated."""

    def at(layer: Layer) -> float:
        level = int(layer.name.partition(".")[0].removeprefix("decoder"))
        return prod(layer.shape) / 4**level

    def encoded(layer: Layer) -> float:
        return 2 * prod(layer.shape) / 4 ** int(layer.name.partition("pyramid")[2][0])

    convolutions = [layer for layer in layers(widths) if layer.kind != "PReLU"]
    return sum(encoded(layer) if layer.name.startswith("encoder.") else at(layer) for layer in convolutions)


def seen_by(widths: Widths, number: int) -> int:
    """Return the number of input channels of a decoder, 4 to 1."""
    inside = widths.encoder[number - 1]
    return 2 * inside + 1 if number == 4 else 3 * inside + 4


def made_by(widths: Widths, number: int) -> int:
    """Return the output channels of a decoder, 4 to 1: two flows, then hidden features, or mask and residual."""
    return 4 + (1 + 3 if number == 1 else widths.encoder[number - 2])


def _with_slopes(name: str, inside: int, outside: int, size: int = 3, stride: int = 1) -> Iterator[Layer]:
    yield Layer(f"{name}.0", "Convolution", (outside, inside, size, size), stride, size // 2)
    yield Layer(f"{name}.1", "PReLU", (outside,))


def _encoder(widths: Widths) -> Iterator[Layer]:
    inside = 3
    for number, outside in enumerate(widths.encoder, 1):
        size = widths.first_kernel if number == 1 else 3
        yield from _with_slopes(f"encoder.pyramid{number}.0", inside, outside, size, stride=2)
        yield from _with_slopes(f"encoder.pyramid{number}.1", outside, outside)
        inside = outside


def _decoder(widths: Widths, number: int) -> Iterator[Layer]:
    width, side = widths.decoders[4 - number], widths.side
    name = f"decoder{number}.convblock"
    yield from _with_slopes(f"{name}.0", seen_by(widths, number), width)
    for one, channels in (("conv1", width), ("conv2", side), ("conv3", width), ("conv4", side)):
        yield from _with_slopes(f"{name}.1.{one}", channels, channels)
    yield Layer(f"{name}.1.conv5", "Convolution", (width, width, 3, 3), padding=1)
    yield Layer(f"{name}.1.prelu", "PReLU", (width,))
    yield Layer(f"{name}.2", "Deconvolution", (width, made_by(widths, number), 4, 4), stride=2, padding=1)
