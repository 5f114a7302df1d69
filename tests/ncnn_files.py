"""Write networks of the IFRNet family in the form of ifrnet-ncnn-vulkan's release archives."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from functools import cache
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import numpy.typing as npt
from golden import maker

from ifrplus_cli.models.ifrnet_family import Layer, Widths, layers, shapes

Values = Mapping[str, npt.NDArray[np.float32]]
RELEASE = "ifrnet-ncnn-vulkan-20220720-ubuntu"
FOLDER = "IFRNet_S_Vimeo90K"
RULE = maker("make_ifrnet_golden").rule
TINY = Widths((2, 2, 2, 2), (4, 4, 4, 4), side=2)


class Param:
    """The text of layers under construction; blobs are numbered."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.order: list[Layer] = []
        self.blobs = 0

    def line(self, kind: str, inputs: list[str], outputs: int, settings: str = "") -> list[str]:
        made = [str(self.blobs + number) for number in range(outputs)]
        self.blobs += outputs
        name = f"{kind.lower()}_{len(self.lines)}"
        words = [f"{kind:<24}", f"{name:<24}", str(len(inputs)), str(outputs), *inputs, *made, settings]
        self.lines.append(" ".join(words).rstrip())
        return made

    def layer(self, layer: Layer, source: str) -> str:
        self.order.append(layer)
        if layer.kind == "PReLU":
            return self.line("PReLU", [source], 1, f"0={layer.outside}")[0]
        k, s, p = layer.shape[-1], layer.stride, layer.padding
        size = int(np.prod(layer.shape))
        more = "18=0 19=0 " if layer.kind == "Deconvolution" else ""
        settings = f"0={layer.outside} 1={k} 11={k} 12=1 13={s} 14={p} {more}2=1 3={s} 4={p} 5=1 6={size}"
        return self.line(layer.kind, [source], 1, settings)[0]

    def text(self) -> str:
        return "\n".join(["7767517", f"{len(self.lines)} {self.blobs}", *self.lines, ""])


def ncnn_files(widths: Widths, values: Values, *, half: bool = False) -> tuple[bytes, bytes]:
    """Return ``ifrnet.param`` and ``ifrnet.bin``; the last PReLU of the first encoder comes late, as in the release."""
    param = Param()
    every = layers(widths)
    encoder = [layer for layer in every if layer.name.startswith("encoder.")]
    pictures = [param.line("Input", [], 1)[0] for _ in range(3)]
    ends = []
    for picture in pictures[:2]:
        blob = param.line("Split", [picture], 2)[1]
        for layer in encoder[:-1]:
            blob = param.layer(layer, blob)
            if layer.kind == "PReLU":
                blob = param.line("Split", [blob], 2)[1]
        ends.append(blob)
    right, left = (param.layer(encoder[-1], blob) for blob in reversed(ends))
    (blob,) = param.line("Concat", [left, right, pictures[2]], 1, "0=0")
    for layer in every[len(encoder) :]:
        blob = param.layer(layer, blob)
        if layer.name.endswith("conv5"):
            (blob,) = param.line("BinaryOp", [blob, blob], 1, "0=0")
    return param.text().encode(), b"".join(numbers(layer, values, half=half) for layer in param.order)


def numbers(layer: Layer, values: Values, *, half: bool) -> bytes:
    """Return a layer's part of the .bin file."""
    weight = values[f"{layer.name}.weight"]
    if layer.kind == "PReLU":
        return weight.astype("<f4").tobytes()
    if layer.kind == "Deconvolution":
        weight = weight.swapaxes(0, 1)
    content = weight.astype("<f2" if half else "<f4").tobytes()
    tag = struct.pack("<I", 0x01306B47 if half else 0)
    return tag + content + bytes(-len(content) % 4) + values[f"{layer.name}.bias"].astype("<f4").tobytes()


def archive(folder: str, param: bytes, weights: bytes, more: Mapping[str, bytes] | None = None) -> bytes:
    """Write a release with a network in a folder, and its other files."""
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as release:
        for name, content in {"LICENSE": b"MIT", **(more or {})}.items():
            release.writestr(f"{RELEASE}/{name}", content)
        release.writestr(f"{RELEASE}/{folder}/ifrnet.param", param)
        release.writestr(f"{RELEASE}/{folder}/ifrnet.bin", weights)
    return file.getvalue()


@cache
def golden(widths: Widths) -> Values:
    return {name: RULE(name, shape) for name, shape in shapes(widths).items()}
