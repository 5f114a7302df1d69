"""The values, parsers and declarations of options that the commands share."""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ifrplus_cli.video.trim import FrameNumber


class ModelChoice(str, Enum):
    """Values of --model."""

    auto = "auto"
    lite = "lite"
    ifrplus = "ifrplus"
    ifrnet_s = "ifrnet-s"
    ifrnet_s_gopro = "ifrnet-s-gopro"
    ifrnet = "ifrnet"
    ifrnet_gopro = "ifrnet-gopro"
    ifrnet_l = "ifrnet-l"
    ifrnet_l_gopro = "ifrnet-l-gopro"


class Trainable(str, Enum):
    """Values of train's --model."""

    lite = "lite"
    ifrplus = "ifrplus"


class RecipeChoice(str, Enum):
    """Values of --recipe."""

    small = "small"
    published = "published"


class EngineChoice(str, Enum):
    """Values of --engine."""

    auto = "auto"
    mindspore = "mindspore"
    onnx = "onnx"


class Precision(str, Enum):
    """Values of --precision."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"


class FlowScale(str, Enum):
    """Values of --flow-scale."""

    auto = "auto"
    full = "1"
    half = "0.5"
    quarter = "0.25"
    eighth = "0.125"


class SoundChoice(str, Enum):
    """Values of --audio."""

    stretch = "stretch"
    drop = "drop"
    keep = "keep"


class Deinterlace(str, Enum):
    """Values of --deinterlace."""

    bwdif = "bwdif"
    ivtc = "ivtc"
    off = "off"


class Duplicates(str, Enum):
    """Values of --duplicates."""

    keep = "keep"
    smooth = "smooth"


class Purpose(str, Enum):
    """Values of --for."""

    web = "web"
    archive = "archive"
    edit = "edit"
    social = "social"


class Doubt(str, Enum):
    """Values of --doubt."""

    off = "off"
    auto = "auto"


class CutFill(str, Enum):
    """Values of --cut-fill."""

    hold = "hold"
    blend = "blend"


MAX_FACTOR, MAX_NUMERATOR = 64, 10_000
MAX_RATE, MAX_RATE_DENOMINATOR = 1000, 10_000
RATE_NAMES = {
    "film": Fraction(24),
    "ntsc-film": Fraction(24000, 1001),
    "pal": Fraction(25),
    "ntsc": Fraction(30000, 1001),
}
MIN_SIDE, MAX_SIDE = 16, 8192  # pixels; 8K film has 7680


def parse_factor(text: str) -> Fraction:
    try:
        factor = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"{text} is not a number; use 2, 4, 2.5 or 5/2.") from None
    if factor <= 1:
        raise typer.BadParameter("the factor must be above 1.")
    if factor > MAX_FACTOR or factor.numerator > MAX_NUMERATOR:
        raise typer.BadParameter(f"the factor must be at most {MAX_FACTOR}, with a short fraction.")
    return factor


def parse_rate(text: str) -> Fraction:
    """A name, a fraction, or a decimal number; one that abbreviates 24000/1001 and the like means that."""
    if text.lower() in RATE_NAMES:
        return RATE_NAMES[text.lower()]
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        named = ", ".join(RATE_NAMES)
        raise typer.BadParameter(f"{text} is no frame rate; use 60, 59.94, 60000/1001, or {named}.") from None
    if not 1 <= rate <= MAX_RATE or rate.denominator > MAX_RATE_DENOMINATOR:
        raise typer.BadParameter(f"the frame rate must be from 1 to {MAX_RATE}, with a short fraction.")
    places = len(text.partition(".")[2])
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return ntsc if places >= 2 and round(ntsc, places) == rate else rate


def parse_moment(text: str) -> Fraction | FrameNumber:
    """Seconds, h:mm:ss.ms, or a frame's number with the suffix f."""
    from ifrplus_cli.video.trim import FrameNumber

    if found := re.fullmatch(r"(\d{1,9})f", text):
        return FrameNumber(int(found[1]))
    if found := re.fullmatch(r"(?:(?:(\d{1,3}):)?([0-5]?\d):)?(\d{1,6}(?:\.\d{1,9})?)", text):
        hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
        if found[2] is None or seconds < 60:
            return hours * 3600 + minutes * 60 + seconds
    raise typer.BadParameter(f"{text} is no moment of a film; use seconds (12.5), 1:02:03.250, or a frame (120f).")


def parse_tile(text: str) -> str | tuple[int, int]:
    if text in ("auto", "off"):
        return text
    if found := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text):
        return int(found[1]), int(found[2])
    raise typer.BadParameter(f"{text} is not a tile size; use auto, off or WIDTHxHEIGHT such as 960x512.")


def parse_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        sides = f"{MIN_SIDE} to {MAX_SIDE} pixels a side"
        raise typer.BadParameter(f"{text} is not a size; use WIDTHxHEIGHT such as 1280x720, {sides}.")
    return size


def parse_sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise typer.BadParameter(f"{text} is not a SHA-256, which has 64 hexadecimal digits.")
    return text.lower()


def parse_encoder_args(pairs: list[str]) -> tuple[tuple[str, str], ...]:
    for pair in pairs:
        if not re.fullmatch(r"[A-Za-z0-9_-]+=.*", pair):
            raise typer.BadParameter(f"{pair} is not of the form KEY=VALUE.", param_hint="--encoder-arg")
    return tuple((key.lstrip("-"), value) for key, _, value in (pair.partition("=") for pair in pairs))


Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN", help="The video to read; a folder or a pattern for images.", readable=False, show_default=False
    ),
]
InputFpsOption = Annotated[
    Fraction | None,
    typer.Option(parser=parse_rate, metavar="RATE", help="Images a second, for images as IN.", show_default=False),
]
DeviceOption = Annotated[str, typer.Option("--device", metavar="auto|CPU|GPU|Ascend[:N]", help="Where to run.")]
ModelOption = Annotated[
    ModelChoice, typer.Option(help="The network: the small one, or a better one whose weights are downloaded.")
]
WeightsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Other weights for the network.", show_default=False)
]
EngineOption = Annotated[
    EngineChoice, typer.Option(help="What computes it: ONNX Runtime, which is faster on a CPU, if it is installed.")
]
PrecisionOption = Annotated[
    Precision, typer.Option(help="Numbers that the network computes with: fp16 is faster on Ascend and GPU.")
]
FactorOption = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_factor, metavar="RATIO", help="Times the frame rate: 2, 4, 8, 2.5, 5/2 ...", show_default="2"
    ),
]
FpsOption = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_rate,
        metavar="RATE",
        help="In place of a factor: this many frames a second, evenly: 60, 59.94, 60000/1001, ntsc, pal ...",
        show_default=False,
    ),
]
DeinterlaceOption = Annotated[
    Deinterlace | None,
    typer.Option(
        help="For an interlaced film: whole frames of it, film's own frames, or as it is.", show_default=False
    ),
]
DoubtOption = Annotated[
    Doubt, typer.Option(help="Where a made frame is in doubt, fall back a little towards the source frames.")
]
StartOption = Annotated[
    Any,
    typer.Option(
        parser=parse_moment,
        metavar="TIME",
        help="Begin here: seconds, 1:02:03.25, or a frame: 120f.",
        show_default=False,
    ),
]
EndOption = Annotated[
    Any,
    typer.Option(
        parser=parse_moment, metavar="TIME", help="End here; a frame given as 120f is not in it.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
