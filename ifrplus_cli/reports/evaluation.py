"""Present the results of an evaluation: as tables, as plain data, as CSV, and as a report with pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from ifrplus_cli.datasets.layouts import LAYOUTS, Dataset
from ifrplus_cli.files import check_place, write_whole
from ifrplus_cli.measure.evaluate import (
    FIGURES,
    EvaluatedNetwork,
    EvaluateRequest,
    Evaluation,
    SeenTriplet,
    evaluate_folder,
)
from ifrplus_cli.measure.published import CHANNELS, TRIPLETS, VOLUME, published_for
from ifrplus_cli.models import ModelSpec
from ifrplus_cli.reports.facts import describe_model, versions
from ifrplus_cli.reports.format import readable
from ifrplus_cli.reports.html import PictureRow, Report, write_report

DEFINITIONS = {
    "psnr": "RGB, of made pictures in 8 bits; the mean over triplets of each one's PSNR in dB, at most 100",
    CHANNELS: "Wang et al. 2004, Gaussian window 11x11, mean of R, G and B: as MindEditing, and the 0.9710 of IFR+",
    VOLUME: "Gaussian window 11x11x11 over height, width and channels: as RIFE, IFRNet and most papers",
    "blend_psnr": "PSNR of a blend of the two outer pictures",
}
PLACES = {"psnr": 2, CHANNELS: 4, VOLUME: 4}  # as papers round


def evaluate_and_report(
    path: Path,
    request: EvaluateRequest,
    progress: Callable[[int, int], None],
    step: Callable[[str], None],
    note: Callable[[str], None],
) -> EvaluatedNetwork:
    """Evaluate a network on a data set, and write the files that the request asks for.

    Args:
        progress, step, note: as for ``evaluate_folder``.

    Raises:
        IfrplusError: if the data set can't be used, or a file can't be written.
    """
    if request.csv is not None:
        check_place(request.csv, "--csv", (path, request.weights))
    if request.report is not None:
        check_place(request.report, "--report", (path, request.weights, request.csv))
    evaluated = evaluate_folder(path, request, progress, step, note)
    result, model = evaluated.result, evaluated.model
    if request.csv is not None:
        write_whole(request.csv, as_csv(result), "--csv")
    if request.report is not None:
        facts = {"Network": readable(describe_model(model)), "Versions": versions(model.plan)}
        write_report(build_report(result, model.plan.spec, facts), request.report)
    return evaluated


def remarks(result: Evaluation, spec: ModelSpec) -> list[str]:
    """Return what a reader must know to compare the figures with others."""
    dataset = result.dataset
    sentences = [f"{name}: {DEFINITIONS[name]}." for name in (CHANNELS, VOLUME)]
    if spec.uses_prior:
        sentences.append(
            f"Only the two outer pictures of a triplet are used. In a film {spec.name} also uses the frames around "
            "them, and follows curved paths: here paths are taken as straight."
        )
    if len(result.scores) != dataset.count:
        sentences.append(
            f"By their headers the clips have {dataset.count} triplets; {len(result.scores)} could be decoded."
        )
    if dataset.layout not in TRIPLETS:
        sentences.append("The published figures are for Vimeo-90K: measured on different images, not comparable.")
    elif len(result.scores) != TRIPLETS[dataset.layout]:
        sentences.append(
            f"The published figures are for all {TRIPLETS[dataset.layout]} triplets, not these {len(result.scores)}."
        )
    return sentences


def result_rows(result: Evaluation, model: str) -> list[dict[str, str]]:
    """Return the means of all triplets and of each group, and of a blend."""
    rows = [_row(f"{group}, {model}", result.means(group)) for group in result.groups]
    means = result.means()
    return [*rows, _row(model, means), _row("a blend", {"psnr": means["blend_psnr"]})]


def published_rows(dataset: Dataset) -> list[dict[str, str]]:
    """Return published means: of the same benchmark, or of Vimeo-90K if it has none."""
    return [
        _row(
            f"{figure.network}, {LAYOUTS[figure.layout]}{f' {figure.group}' if figure.group else ''}",
            {"psnr": figure.psnr, figure.ssim_kind: figure.ssim},
        )
        for figure in published_for(dataset.layout)
    ]


def _row(name: str, figures: Mapping[str, float | None]) -> dict[str, str]:
    return {"": name} | {
        figure: "" if (value := figures.get(figure)) is None else f"{value:.{places}f}"
        for figure, places in PLACES.items()
    }


def describe_evaluation(evaluated: EvaluatedNetwork) -> dict[str, object]:
    """Return all figures, and how they were measured, as plain data."""
    result, model = evaluated.result, evaluated.model
    dataset = result.dataset
    return {
        "versions": versions(model.plan),
        "network": describe_model(model),
        "dataset": {"path": str(dataset.path), "layout": dataset.layout, "triplets": len(result.scores)},
        **_rounded(result.means()),
        "definitions": DEFINITIONS,
        "groups": {group: _rounded(result.means(group)) for group in result.groups},
        "published": [asdict(figure) for figure in published_for(dataset.layout)],
        "remarks": remarks(result, model.plan.spec),
        "worst": [{"name": sight.score.name, "group": sight.score.group} for sight in result.worst],
        "items": [
            {"name": score.name, "group": score.group, **_rounded({name: getattr(score, name) for name in FIGURES})}
            for score in result.scores
        ],
    }


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in figures.items()}


def as_csv(result: Evaluation) -> str:
    """Return a line for every triplet, below a line with the names of the columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("group", "name", *FIGURES))
    for score in result.scores:
        figures = (f"{getattr(score, figure):.6f}" for figure in FIGURES)
        writer.writerow((score.group, score.name, *figures))
    return text.getvalue()


def build_report(result: Evaluation, spec: ModelSpec, facts: Mapping[str, Mapping[str, str]]) -> Report:
    """Build a page with the figures, the published ones, and pictures of the worst triplets.

    Args:
        result: the result of the evaluation.
        spec: the network.
        facts: about the network and the versions; shown below everything else.
    """
    dataset, means = result.dataset, result.means()
    return Report(
        title=f"Evaluation on {dataset.path.absolute().name}",
        subtitle=f"{LAYOUTS[dataset.layout]}: {len(result.scores)} middle pictures were made again and compared.",
        headline={
            "PSNR of made pictures": f"{means['psnr']:.2f} dB",
            "PSNR of a blend": f"{means['blend_psnr']:.2f} dB",
            CHANNELS: f"{means[CHANNELS]:.4f}",
            VOLUME: f"{means[VOLUME]:.4f}",
        },
        sentences=remarks(result, spec),
        charts=(),
        rows=[_pictures(sight) for sight in result.worst],
        facts={
            "Means": _cells(result_rows(result, spec.name)),
            "Published means over whole benchmarks": _cells(published_rows(dataset)),
            **facts,
        },
    )


def _cells(rows: list[dict[str, str]]) -> dict[str, str]:
    """Return rows as names and values, for a table of two columns."""
    units = {"psnr": "dB"}
    return {row[""]: ", ".join(f"{row[name]} {units.get(name, name)}" for name in PLACES if row[name]) for row in rows}


def _pictures(sight: SeenTriplet) -> PictureRow:
    score = sight.score
    name = f"{score.group}, {score.name}" if score.group else score.name
    title = (
        f"{name}: {score.psnr:.2f} dB, blend {score.blend_psnr:.2f} dB, "
        f"{CHANNELS} {score.ssim_channels:.4f}, {VOLUME} {score.ssim_volume:.4f}"
    )
    pictures = {"outer pictures, blended": sight.blend, "true": sight.true, "made": sight.made}
    return PictureRow(title, {**pictures, "difference, four times": sight.difference})
