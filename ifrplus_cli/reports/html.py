"""A report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from ifrplus_cli.files import write_whole
from ifrplus_cli.frames.pictures import Picture, fitted

TEMPLATE = Path(__file__).with_name("page.html")
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Line:
    """One figure over time; a value for each time of its chart."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Figures over the same times.

    Attributes:
        name: of the figure, as its button says.
        unit: after a value.
        seconds: of the clip, increasing.
        lines: the most important one first.
    """

    name: str
    unit: str
    seconds: Sequence[float]
    lines: Sequence[Line]


@dataclass(frozen=True)
class PictureRow:
    """Pictures side by side, by what they are."""

    title: str
    pictures: Mapping[str, Picture]


@dataclass(frozen=True)
class Report:
    """What a report shows, from top to bottom.

    Attributes:
        headline: figures that matter most, by name.
        sentences: what they mean.
        facts: tables by title, of names and values.
    """

    title: str
    subtitle: str
    headline: Mapping[str, str]
    sentences: Sequence[str]
    charts: Sequence[Chart]
    rows: Sequence[PictureRow]
    facts: Mapping[str, Mapping[str, str]]


def write_report(report: Report, path: Path) -> None:
    """Write it; the file appears when it is whole.

    Raises:
        OutputError: if it can't be written.
    """
    write_whole(path, render(report), "--report")


def render(report: Report) -> str:
    """The HTML text."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    rows = [
        {"title": row.title, "pictures": {name: data_uri(picture) for name, picture in row.pictures.items()}}
        for row in report.rows
    ]
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    return template.render(report=report, rows=rows, charts=[asdict(chart) for chart in report.charts])


def data_uri(picture: Picture) -> str:
    """An H x W x 3 RGB picture, made smaller if it is large, as a JPEG inside an address."""
    shown = cv2.cvtColor(fitted(picture), cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode('ascii')}"
