"""``ifrplus eval``: quality on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import (
    DeviceOption,
    EngineOption,
    JsonOption,
    ModelOption,
    PrecisionOption,
    WeightsOption,
)


def evaluate(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="The folder of a data set, or a clip.", show_default=False)
    ],
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figures of every triplet.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write an HTML report with pictures of the worst ten.", show_default=False),
    ] = None,
    model: ModelOption = "auto",
    weights: WeightsOption = None,
    engine: EngineOption = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Measure the quality on a data set of triplets: make the middle frame again, and compare."""
    from ifrplus_cli.measure.evaluate import EvaluateRequest
    from ifrplus_cli.reports import evaluation

    request = EvaluateRequest(
        csv=csv,
        report=report,
        model=model,
        weights=weights,
        engine=engine,
        device=device,
        precision=precision,
    )
    with console.count_bar("triplets", shown=not as_json) as advance:
        evaluated = evaluation.evaluate_and_report(dataset, request, advance, console.print_step, console.print_note)
    if as_json:
        console.print_json({**evaluation.describe_evaluation(evaluated), "csv": csv, "report": report})
        return
    result, spec = evaluated.result, evaluated.model.plan.spec
    title = f"{result.dataset.path}, {len(result.scores)} triplets"
    console.print_table(title, evaluation.result_rows(result, spec.name))
    console.print_table("Published means over whole benchmarks", evaluation.published_rows(result.dataset))
    console.print_points(evaluation.remarks(result, spec))
    for path in (csv, report):
        if path is not None:
            console.print_done(str(path))
