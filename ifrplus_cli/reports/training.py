"""The learning curves of a training run, as a page beside its weights: loss and validation over the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean

from ifrplus_cli.reports.format import clock_time
from ifrplus_cli.reports.html import Chart, Line, Report, write_report
from ifrplus_cli.training.curves import Row
from ifrplus_cli.training.recipe import Recipe
from ifrplus_cli.training.run import TrainOptions

PAGE = "curves.html"
SMOOTHED = 25  # number of points that each point of the mean's line averages
POINTS = 1000  # in a line, at most; in a longer run, each is the mean of several steps
Curve = list[tuple[float, float]]  # a figure by step


def write_curves(options: TrainOptions, rows: Sequence[Row]) -> None:
    """Write the page of a run, in place of an earlier one.

    Args:
        rows: the run's table.

    Raises:
        OutputError: if it can't be written.
    """
    write_report(build_report(options, rows), options.out / PAGE, "--out")


def build_report(options: TrainOptions, rows: Sequence[Row]) -> Report:
    """Build the report on a run that is in progress or has ended."""
    losses, validated = curve(rows, "loss"), curve(rows, "psnr")
    return Report(
        title=f"Training of {options.model}",
        subtitle=f"Written at step {_whole(rows[-1]['step'])}, after {clock_time(rows[-1].get('seconds') or 0)}.",
        headline=_headline(losses, validated),
        sentences=[],
        charts=[*_loss_chart(losses), *_validation_chart(validated)],
        rows=[],
        facts={"Recipe": _figures(options.recipe)},
    )


def curve(rows: Sequence[Row], name: str) -> Curve:
    """Return one column by step, without values that are missing or not finite."""
    found = ((row["step"] or 0, row.get(name)) for row in rows)
    return [(step, value) for step, value in found if value is not None and math.isfinite(value)]


def thinned(points: Curve) -> Curve:
    """Return at most ``POINTS`` points: each is the mean of several, at the step of the last one."""
    size = math.ceil(len(points) / POINTS) or 1
    blocks = [points[first : first + size] for first in range(0, len(points), size)]
    return [(block[-1][0], fmean(value for _, value in block)) for block in blocks]


def _headline(losses: Curve, validated: Curve) -> dict[str, str]:
    headline = {"loss of the last step": f"{losses[-1][1]:.4g}"} if losses else {}
    if validated:
        headline["validation PSNR at best"] = f"{max(value for _, value in validated):.2f} dB"
        headline["before the first step"] = f"{validated[0][1]:.2f} dB"
    return headline


def _loss_chart(losses: Curve) -> list[Chart]:
    if not losses:
        return []
    steps, values = zip(*thinned(losses), strict=True)
    lines = [Line("loss", [_rounded(value) for value in values])]
    if len(values) > SMOOTHED:
        lines.insert(0, Line(f"mean of {SMOOTHED} points", [_rounded(value) for value in _smoothed(values)]))
    return [Chart("Loss", "", steps, lines, "steps")]


def _validation_chart(validated: Curve) -> list[Chart]:
    if not validated:
        return []
    steps, values = zip(*validated, strict=True)
    return [Chart("Validation PSNR", "dB", steps, [Line("averaged weights", [round(v, 3) for v in values])], "steps")]


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return the mean of the points around each one; fewer at the ends."""
    side = SMOOTHED // 2
    return [fmean(values[max(0, place - side) : place + side + 1]) for place in range(len(values))]


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _whole(step: float | int | None) -> int:
    return int(step or 0)


def _figures(recipe: Recipe) -> dict[str, str]:
    """Return the settings that differ between runs, by name."""
    losses = {"losses": ", ".join(f"{name} {weight:g}" for name, weight in recipe.losses.used.items())}
    others = {name: value for name, value in asdict(recipe).items() if name not in ("losses", "augmentation")}
    return {**losses, **{name.replace("_", " "): f"{value:g}" for name, value in others.items() if value is not None}}
