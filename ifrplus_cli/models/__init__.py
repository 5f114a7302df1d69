"""List the networks that this program can run, with the facts that a caller needs about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ifrplus_cli.models import rife_layers
from ifrplus_cli.models.ifrnet_family import GOPRO, multiplications, shapes, widths_of

if TYPE_CHECKING:
    import onnx
    from mindspore import nn

    from ifrplus_cli.models.onnx_graph import Parameter


@dataclass(frozen=True)
class Scales:
    """Sizes at which parts of the work are done, relative to the picture.

    Attributes:
        flow: size at which motion is estimated, 1 to 1/8.
        refiner: size at which the full network's refiner works, 1 or 1/2.
    """

    flow: float
    refiner: float = 1.0


@dataclass(frozen=True)
class OnnxGraph:
    """A network as an ONNX graph, which takes the same weights.

    Attributes:
        bytes_per_pixel: memory that it needs per pixel of a picture, measured on a CPU.
        file_name: name, in the weights folders, of a graph that comes with the package; its parameters are in half
            precision.
        features_file_name: name of the graph of ``ModelSpec.build_features``.
        features_prefix: how the names of its parameters begin, and no others.
        parts_file_name: name of the graph of ``ModelSpec.build_parts``.
        int8_file_name: name of that graph in 8 bits, calibrated for the bundled weights.
        build: otherwise, the function that builds a graph for some scales, from the locations of its parameters and
            its metadata.
        shapes: shapes of the parameters of a graph that is built, by their names.
    """

    bytes_per_pixel: int
    file_name: str | None = None
    features_file_name: str | None = None
    features_prefix: str = ""
    parts_file_name: str | None = None
    int8_file_name: str | None = None
    build: Callable[[Scales, Sequence[Parameter], Mapping[str, str]], onnx.ModelProto] | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelSpec:
    """Facts about a network.

    Attributes:
        name: its name for ``--model``.
        weights: name of its weights in the manifest of ``manifest.py``.
        inputs: what its ``construct`` takes, in order, out of ``left`` and ``right``, float32 (N, 3, H, W) RGB in 0..1,
            ``prior``, (N, 4, H/4, W/4) flow of ``flow.py``, and ``t``, (N, 1, 1, 1). It returns (N, 3, H, W).
        presets: scales by the largest shorter side, in pixels, to which they apply; the last ones are for all larger
            pictures.
        multiple: function from scales to the number of which heights and widths must be multiples.
        build: function that builds the network for some scales and a precision, without loading parameters.
        precisions: ``fp32``, and ``fp16`` if the network supports it.
        bytes_per_pixel: memory that it needs per pixel of a picture in MindSpore, measured on a CPU.
        multiplications: function from scales to the multiplications of its convolutions per pixel of a picture.
        graph: for ONNX Runtime; None for a network that only MindSpore runs.
        build_features: function that builds what sees one frame alone, (N, 3, H, W): it returns (N, C, H/2, W/2)
            features. On a CPU that is done once for a frame, which two pairs have in common. None for a network that
            is not divided.
        build_parts: function that builds the network without that, and without its last step, which
            ``frames/merge.py`` does faster on a CPU: it returns (N, 7, H/2, W/2) parts.
        parts_inputs: what its ``construct`` takes then, in order, out of ``left_features`` and ``right_features``,
            ``alike``, (N, 1, H/2, W/2) of ``merge.py``, ``prior`` and ``t``.
    """

    name: str
    weights: str
    inputs: tuple[str, ...]
    presets: tuple[tuple[int, Scales], ...]
    multiple: Callable[[Scales], int]
    build: Callable[[Scales, str], nn.Cell]
    precisions: tuple[str, ...]
    bytes_per_pixel: int
    multiplications: Callable[[Scales], float]
    graph: OnnxGraph | None = None
    build_features: Callable[[], nn.Cell] | None = None
    build_parts: Callable[[], nn.Cell] | None = None
    parts_inputs: tuple[str, ...] = ()

    @property
    def uses_prior(self) -> bool:
        """Whether it starts from the classical flow of ``flow.py``."""
        return "prior" in self.inputs

    @property
    def onnx_bytes_per_pixel(self) -> int:
        """``bytes_per_pixel`` of its ONNX graph; only for a network that has one."""
        assert self.graph is not None
        return self.graph.bytes_per_pixel

    @property
    def any_timestep(self) -> bool:
        """False for a network that only makes the midpoint."""
        return "t" in self.inputs

    def scales(self, height: int, width: int) -> Scales:
        """Return the preset for pictures of this size."""
        fitting = (scales for largest, scales in self.presets if min(height, width) <= largest)
        return next(fitting, self.presets[-1][1])


def _build_lite(scales: Scales, precision: str) -> nn.Cell:
    from ifrplus_cli.models.lite import Lite

    return Lite()


def _build_lite_features() -> nn.Cell:
    from ifrplus_cli.models.lite import LiteFeatures

    return LiteFeatures()


def _build_lite_parts() -> nn.Cell:
    from ifrplus_cli.models.lite import LiteParts

    return LiteParts()


def _build_ifrplus(scales: Scales, precision: str) -> nn.Cell:
    import mindspore

    from ifrplus_cli.models.ifrplus import IfrPlus

    return IfrPlus(scales.flow, scales.refiner, mindspore.float16 if precision == "fp16" else mindspore.float32)


def _build_rife(scales: Scales, precision: str) -> nn.Cell:
    from ifrplus_cli.models.rife import Rife

    return Rife(scales.flow)


def _build_rife_graph(scales: Scales, parameters: Sequence[Parameter], card: Mapping[str, str]) -> onnx.ModelProto:
    from ifrplus_cli.models.rife_onnx import build

    return build(scales.flow, parameters, card)


def _build_ifrnet(name: str) -> Callable[[Scales, str], nn.Cell]:
    def build(scales: Scales, precision: str) -> nn.Cell:
        from ifrplus_cli.models.ifrnet import IfrNet

        return IfrNet(widths_of(name), scales.flow)

    return build


def _build_ifrnet_graph(name: str) -> Callable[[Scales, Sequence[Parameter], Mapping[str, str]], onnx.ModelProto]:
    def build(scales: Scales, parameters: Sequence[Parameter], card: Mapping[str, str]) -> onnx.ModelProto:
        from ifrplus_cli.models.ifrnet_onnx import build

        return build(name, widths_of(name), scales.flow, name.endswith(GOPRO), parameters, card)

    return build


def _ifrnet(name: str, bytes_per_pixel: int, onnx_bytes_per_pixel: int) -> ModelSpec:
    """Describe a network of the IFRNet family; those whose names end in ``-gopro`` take any timestep."""
    pair = ("left", "right")
    return ModelSpec(
        name=name,
        weights=name,
        inputs=(*pair, "t") if name.endswith(GOPRO) else pair,
        presets=((800, Scales(1)), (1200, Scales(1 / 2)), (2400, Scales(1 / 4)), (4800, Scales(1 / 8))),
        multiple=lambda scales: round(16 / scales.flow),
        build=_build_ifrnet(name),
        precisions=("fp32",),
        bytes_per_pixel=bytes_per_pixel,
        multiplications=lambda scales: multiplications(widths_of(name)) * scales.flow**2,
        graph=OnnxGraph(onnx_bytes_per_pixel, build=_build_ifrnet_graph(name), shapes=shapes(widths_of(name))),
    )


MODELS: dict[str, ModelSpec] = {
    "lite": ModelSpec(
        name="lite",
        weights="lite",
        inputs=("left", "right", "prior", "t"),
        presets=((1200, Scales(1 / 4)), (4800, Scales(1 / 8))),
        multiple=lambda _: 32,
        build=_build_lite,
        precisions=("fp32",),
        bytes_per_pixel=700,
        multiplications=lambda _: 15_831.65625,
        graph=OnnxGraph(
            bytes_per_pixel=240,
            file_name="lite-whole.onnx",
            features_file_name="lite-features.onnx",
            features_prefix="encode_",
            parts_file_name="lite.onnx",
            int8_file_name="lite-int8.onnx",
        ),
        build_features=_build_lite_features,
        build_parts=_build_lite_parts,
        parts_inputs=("left_features", "right_features", "alike", "prior", "t"),
    ),
    "ifrplus": ModelSpec(
        name="ifrplus",
        weights="ifrplus",
        inputs=("left", "right"),
        presets=((576, Scales(1)), (1200, Scales(1 / 4)), (2400, Scales(1 / 8, 1 / 2))),
        multiple=lambda scales: max(round(16 / scales.flow), round(4 / scales.refiner)),
        build=_build_ifrplus,
        precisions=("fp32", "fp16"),
        bytes_per_pixel=6500,
        multiplications=lambda scales: 26_500 + 948_100 * scales.flow**2 + 1_055_500 * scales.refiner**2,
    ),
    "rife": ModelSpec(
        name="rife",
        weights="rife",
        inputs=("left", "right", "t"),
        presets=((1200, Scales(1)), (2400, Scales(1 / 2)), (4800, Scales(1 / 4))),
        multiple=lambda scales: round(64 / scales.flow),
        build=_build_rife,
        precisions=("fp32",),
        bytes_per_pixel=1900,
        multiplications=lambda scales: rife_layers.multiplications(scales.flow),
        graph=OnnxGraph(bytes_per_pixel=500, build=_build_rife_graph, shapes=rife_layers.shapes()),
    ),
} | {
    name: _ifrnet(name, bytes_per_pixel, onnx_bytes_per_pixel)
    for member, bytes_per_pixel, onnx_bytes_per_pixel in (
        ("ifrnet-s", 1300, 700),
        ("ifrnet", 1450, 900),
        ("ifrnet-l", 2300, 1700),
    )
    for name in (member, f"{member}{GOPRO}")
}
