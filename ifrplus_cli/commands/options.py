"""Options that several commands share: their declarations and parsers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ifrplus_cli.errors import UsageError
from ifrplus_cli.network.request import EngineName, ModelName, Precision, TileSize, tile_of
from ifrplus_cli.pipeline.request import RANGES, Deinterlace, encoder_arg_of, rate_of

if TYPE_CHECKING:
    from ifrplus_cli.video.reading.trim import Moment


MAX_FACTOR, MAX_NUMERATOR = RANGES["factor"][1], 10_000
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
    with _bad_parameters():
        return rate_of(text)


def parse_moment(text: str) -> Moment:
    from ifrplus_cli.video.reading.trim import moment_of

    with _bad_parameters():
        return moment_of(text)


def parse_tile(text: str) -> TileSize:
    with _bad_parameters():
        return tile_of(text)


@contextmanager
def _bad_parameters() -> Iterator[None]:
    """Report what is no value of an option, with its sentence."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def parse_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        sides = f"{MIN_SIDE} to {MAX_SIDE} pixels per side"
        raise typer.BadParameter(f"{text} is not a frame size; use WIDTHxHEIGHT such as 1280x720, {sides}.")
    return size


def parse_sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise typer.BadParameter(f"{text} is not a SHA-256: it must have 64 hexadecimal digits.")
    return text.lower()


def parse_encoder_arg(text: str) -> tuple[str, str]:
    with _bad_parameters():
        return encoder_arg_of(text)


def repeatable_choice(values: Sequence[str], text: str, default: str = "auto") -> Any:
    """Return a repeatable option with the given values; typer does not support a list of ``Literal``."""

    def parse(written: str) -> str:
        if written not in values:
            raise typer.BadParameter(f"{written} is not one of {', '.join(values)}.")
        return written

    return typer.Option(
        parser=parse, metavar="|".join(values), autocompletion=lambda: values, help=text, show_default=default
    )


def refuse(contradiction: object, option: str, why: str) -> None:
    """Report wrong usage if there is a contradiction.

    Raises:
        typer.BadParameter: if there is one.
    """
    if contradiction:
        raise typer.BadParameter(why, param_hint=option)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Report what a request refuses as wrong usage of the command line."""
    try:
        yield
    except UsageError as error:
        raise typer.BadParameter(error.why, param_hint=error.option) from error


SourceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="Input video; a folder or a pattern for an image sequence.",
        readable=False,  # a file that can't be read is one failure among others
        show_default=False,
    ),
]
InputFpsOption = Annotated[
    Fraction | None,
    typer.Option(parser=parse_rate, metavar="RATE", help="Frame rate of an image sequence.", show_default=False),
]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="auto|CPU|GPU|Ascend[:N]", help="Device that runs the network.")
]
ModelOption = Annotated[
    ModelName, typer.Option(help="Network: lite is bundled; the weights of the others are downloaded.")
]
WeightsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File with other weights for the network.", show_default=False)
]
EngineOption = Annotated[EngineName, typer.Option(help="Inference engine: onnx is faster on a CPU.")]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        help="Compute precision: fp16 is for ifrplus on Ascend and GPU, int8 for lite on CPUs with instructions for it."
    ),
]
FactorOption = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_factor,
        metavar="RATIO",
        help="Multiply the frame rate by this: 2, 4, 8, 2.5, 5/2 ...",
        show_default="2",
    ),
]
FpsOption = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_rate,
        metavar="RATE",
        help="Constant output frame rate, instead of a factor: 60, 59.94, 60000/1001, ntsc, pal ...",
        show_default=False,
    ),
]
DeinterlaceOption = Annotated[
    Deinterlace | None,
    typer.Option(
        help="For interlaced video: one frame per field (bob) or per frame (bwdif), inverse telecine, or leave as is.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
