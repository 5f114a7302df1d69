"""Write a report as one self-contained HTML file, which needs no network and no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2

from ifrplus_cli.files import write_whole
from ifrplus_cli.frames.pictures import Picture, fitted

TEMPLATE = Path(__file__).with_name("page.html")
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Line:
    """One figure; a value for each moment or step of its chart."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Figures over the same moments or steps.

    Attributes:
        name: of the figure, shown on its button.
        unit: shown after a value.
        x: increasing times in the clip, or numbers of steps.
        lines: the most important one first.
        x_is: ``seconds`` or ``steps``.
    """

    name: str
    unit: str
    x: Sequence[float]
    lines: Sequence[Line]
    x_is: Literal["seconds", "steps"] = "seconds"


@dataclass(frozen=True)
class PictureRow:
    """Pictures side by side, with their captions."""

    title: str
    pictures: Mapping[str, Picture]


@dataclass(frozen=True)
class Report:
    """The content of a report, from top to bottom.

    Attributes:
        headline: the most important figures, by name.
        sentences: what they mean.
        facts: tables of names and values, by title.
    """

    title: str
    subtitle: str
    headline: Mapping[str, str]
    sentences: Sequence[str]
    charts: Sequence[Chart]
    rows: Sequence[PictureRow]
    facts: Mapping[str, Mapping[str, str]]


def write_report(report: Report, path: Path, option: str = "--report") -> None:
    """Write the report; the file appears only when it is complete.

    Args:
        option: that named the file or its folder.

    Raises:
        OutputError: if it can't be written.
    """
    write_whole(path, render(report), option)


def render(report: Report) -> str:
    """Return the HTML text of a report."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    rows = [
        {"title": row.title, "pictures": {name: data_uri(picture) for name, picture in row.pictures.items()}}
        for row in report.rows
    ]
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    return template.render(report=report, rows=rows, charts=[asdict(chart) for chart in report.charts])


def data_uri(picture: Picture) -> str:
    """Return an H x W x 3 RGB picture, shrunk if it is large, as a JPEG data URI."""
    shown = cv2.cvtColor(fitted(picture), cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode('ascii')}"
