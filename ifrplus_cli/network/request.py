"""What a person asks of the network, in the words of the command line; imports nothing that takes time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from pathlib import Path
from typing import Literal, get_args

from ifrplus_cli.errors import UsageError

ModelName = Literal[
    "auto",
    "lite",
    "ifrplus",
    "rife",
    "ifrnet-s",
    "ifrnet-s-gopro",
    "ifrnet",
    "ifrnet-gopro",
    "ifrnet-l",
    "ifrnet-l-gopro",
]
EngineName = Literal["auto", "mindspore", "onnx"]
Precision = Literal["auto", "fp32", "fp16", "int8"]
FlowScale = Literal["auto", "1", "0.5", "0.25", "0.125"]
TileSize = Literal["auto", "off"] | tuple[int, int]
DEFAULT_OVERLAP = 128  # pixels

Choices = Mapping[str, Sequence[str]]  # the possible values of fields
Ranges = Mapping[str, tuple[float, float]]  # the least and the largest value of fields
CHOICES: Choices = {
    "model": get_args(ModelName),
    "engine": get_args(EngineName),
    "precision": get_args(Precision),
    "flow_scale": get_args(FlowScale),
}
RANGES: Ranges = {"tile_overlap": (0, math.inf)}


@dataclass(frozen=True)
class NetworkRequest:
    """Which network is wanted, and how it is to be run.

    Attributes:
        model: a network's name; ``auto`` takes the best one here that is fast enough, or lite if ``weights`` is given.
        weights: a file with weights for it; None for the file that is found.
        engine: inference engine.
        device: ``auto``, ``CPU``, ``GPU`` or ``Ascend``, with ``:N`` for the device of that number.
        precision: compute precision.
        tile: maximum tile size as (width, height) in pixels, ``off`` for whole frames, or ``auto``.
        tile_overlap: minimum overlap of tiles in pixels.
        flow_scale: resolution at which motion is estimated, relative to the frame.

    Raises:
        UsageError: if a value is not among those possible.
    """

    model: ModelName = "auto"
    weights: Path | None = None
    engine: EngineName = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    tile: TileSize = "auto"
    tile_overlap: int = DEFAULT_OVERLAP
    flow_scale: FlowScale = "auto"

    def __post_init__(self) -> None:
        check_values(self, CHOICES, RANGES)


def check_values(request: object, choices: Choices, ranges: Ranges) -> None:
    """Refuse values of fields that are not among those possible; None is where it is the default.

    Raises:
        UsageError: names the option and what it can be.
    """
    values = {each.name: getattr(request, each.name) for each in fields(request)}  # type: ignore[arg-type]
    wanted = {each.name for each in fields(request) if values[each.name] is not each.default}  # type: ignore[arg-type]
    for name, possible in choices.items():
        value = values[name]
        if name in wanted and value not in possible:
            raise UsageError(option_of(name), f"{value} is not one of {', '.join(possible)}.")
    for name, (least, most) in ranges.items():
        value = values[name]
        if name in wanted and (isinstance(value, bool) or not isinstance(value, Real)):
            raise UsageError(option_of(name), f"{value!r} is not a number.")
        if name in wanted and not least <= value <= most:
            limits = f"at least {least}" if most == math.inf else f"from {least} to {most}"
            raise UsageError(option_of(name), f"{value} is out of range: it must be {limits}.")


def option_of(name: str) -> str:
    """Return the option of the command line that sets a field."""
    special = {"purpose": "--for", "encoder_args": "--encoder-arg"}
    return special.get(name, f"--{name.replace('_', '-')}")


def tile_of(text: str) -> TileSize:
    """Return what ``auto``, ``off`` or a size such as 960x512 means.

    Raises:
        ValueError: with a sentence, if it is none of them.
    """
    named: dict[str, TileSize] = {"auto": "auto", "off": "off"}
    if text in named:
        return named[text]
    if found := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text):
        return int(found[1]), int(found[2])
    raise ValueError(f"{text} is not a tile size; use auto, off or WIDTHxHEIGHT such as 960x512.")
