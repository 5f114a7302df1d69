"""``ifrplus check``: quality on a person's own clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import (
    DeinterlaceOption,
    DeviceOption,
    EngineOption,
    InputFpsOption,
    JsonOption,
    ModelOption,
    SourceArgument,
    WeightsOption,
)

if TYPE_CHECKING:
    from ifrplus_cli.measure.check import CheckResult


def check(
    source: SourceArgument,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML report with pictures.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare the whole clip, not only 20 seconds of it.")] = False,
    input_fps: InputFpsOption = None,
    deinterlace: DeinterlaceOption = None,
    model: ModelOption = "auto",
    weights: WeightsOption = None,
    engine: EngineOption = "auto",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Measure the quality on a clip: drop every second frame, make it again, and compare."""
    from ifrplus_cli.measure.check import CheckRequest
    from ifrplus_cli.reports.check import check_and_report, describe_check

    request = CheckRequest(
        report=report,
        full=full,
        input_fps=input_fps,
        deinterlace=deinterlace,
        model=model,
        weights=weights,
        engine=engine,
        device=device,
    )
    with console.count_bar("frames", shown=not as_json) as advance:
        checked = check_and_report(source, request, advance, console.print_note)
    if as_json:
        console.print_json({**describe_check(checked), "report": report})
        return
    _print_result(checked.result)
    if report is not None:
        console.print_done(str(report))


def _print_result(result: CheckResult) -> None:
    from ifrplus_cli.reports.advice import verdict
    from ifrplus_cli.reports.check import headline
    from ifrplus_cli.reports.format import clock

    console.print_facts(headline(result), to_stdout=True)
    console.print_line()
    worst = ", ".join(f"{clock(sight.moment.seconds)} ({sight.moment.psnr:.1f} dB)" for sight in result.worst)
    console.print_points([*verdict(result), f"Worst moments: {worst}."])
    if result.no_vmaf:
        console.print_note(f"VMAF was not measured: {result.no_vmaf}.")
