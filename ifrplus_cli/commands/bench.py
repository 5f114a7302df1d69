"""``ifrplus bench``: the speed of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import DeviceOption, JsonOption, PrecisionOption, parse_size, repeatable_choice
from ifrplus_cli.network.request import EngineName, ModelName

OTHERS = ("minterpolate", "rife")  # what bench compares with

if TYPE_CHECKING:
    from ifrplus_cli.measure.bench import BenchResult


def bench(
    device: DeviceOption = "auto",
    model: Annotated[list[Any] | None, repeatable_choice(get_args(ModelName), "Network; repeatable.")] = None,
    size: Annotated[
        list[Any] | None,
        typer.Option(
            parser=parse_size, metavar="WxH", help="Frame size; repeatable.", show_default="448x256, 1920x1024"
        ),
    ] = None,
    engine: Annotated[
        list[Any] | None, repeatable_choice(get_args(EngineName), "Inference engine; repeatable.")
    ] = None,
    precision: PrecisionOption = "auto",
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Number of frames to time for each size.")] = 5,
    pipeline: Annotated[
        bool, typer.Option("--pipeline", help="Also upsample a generated clip of each size, and time each stage.")
    ] = False,
    beside: Annotated[
        list[Any] | None,
        repeatable_choice(
            OTHERS,
            "Other program to compare with, in turn: minterpolate makes a film, rife a frame; repeatable.",
            default="none",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the seconds per made frame and the memory, compared with the published figures."""
    from ifrplus_cli.measure.bench import DEFAULT_SIZES, BenchOptions, run_bench
    from ifrplus_cli.reports.bench import describe_bench

    options = BenchOptions(
        device=device,
        models=tuple(model or ["auto"]),
        engines=tuple(engine or ["auto"]),
        precision=precision,
        sizes=tuple(size or DEFAULT_SIZES),
        runs=runs,
        pipeline=pipeline,
        beside=tuple(beside or ()),
    )
    result = run_bench(options, say=console.print_step, note=console.print_note)
    if as_json:
        console.print_json(describe_bench(result))
    else:
        _print_result(result)


def _print_result(result: BenchResult) -> None:
    from ifrplus_cli.reports.bench import (
        BESIDE_TITLE,
        FRAME_TITLE,
        STAGE_TITLE,
        beside_rows,
        column_notes,
        frame_rows,
        stage_rows,
    )
    from ifrplus_cli.reports.format import readable

    console.print_facts(readable(result.setting), to_stdout=True)
    console.print_table(FRAME_TITLE, frame_rows(result))
    console.print_points(column_notes(result))
    if rows := stage_rows(result):
        console.print_table(STAGE_TITLE, rows)
    if rows := beside_rows(result):
        console.print_table(BESIDE_TITLE, rows)
