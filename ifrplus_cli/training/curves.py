"""Write the course of a training run, as a CSV table and as a picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import write_whole
from ifrplus_cli.frames.pictures import Picture

WIDTH, HEIGHT = 960, 360  # pixels of each plot
LEFT, RIGHT, TOP, BOTTOM = 90, 50, 40, 40
INK, GRID_INK, LINE, SMOOTH = (60, 60, 60), (225, 225, 225), (235, 200, 170), (190, 90, 20)  # blue, green, red
LINES = 5
SMOOTHED = 25  # rows that are averaged for the strong line

Row = Mapping[str, float | int | None]


def read_rows(path: Path, last: int) -> list[dict[str, float | int | None]]:
    """Read the rows of a table up to a step; return none if the table does not exist."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{name: float(value) if value else None for name, value in row.items()} for row in csv.DictReader(file)]
    return [row for row in rows if (row.get("step") or 0) <= last]


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write the table; None becomes an empty field.

    Raises:
        OutputError: if it can't be written.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _told(value) for name, value in row.items()} for row in rows)
    write_whole(path, text.getvalue(), "--out")


def _told(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:.8g}"


def write_picture(rows: Sequence[Row], path: Path) -> None:
    """Plot loss and validation PSNR over the steps, as PNG.

    Raises:
        OutputError: if it can't be written.
    """
    plots = [plot(rows, name, title) for name, title in (("loss", "loss"), ("psnr", "validation PSNR, dB"))]
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(cv2.imencode(".png", np.concatenate(plots))[1].tobytes())
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}.", "Give another --out.") from error
    finally:
        part.unlink(missing_ok=True)


def plot(rows: Sequence[Row], name: str, title: str) -> Picture:
    """Plot one column over the steps, with a smoothed line if there are many rows."""
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    points = [(float(row["step"] or 0), float(row[name] or 0)) for row in rows if _is_number(row.get(name))]
    cv2.putText(picture, title, (LEFT, TOP - 14), cv2.FONT_HERSHEY_SIMPLEX, 0.6, INK, 1, cv2.LINE_AA)
    if not points:
        return picture
    steps, values = np.array(points).T
    last = max(steps[-1], 1)
    low, high = float(values.min()), float(values.max())
    margin = max((high - low) * 0.05, 1e-6)
    low, high = low - margin, high + margin
    for number in range(LINES):
        share = number / (LINES - 1)
        y = round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM))
        x = round(LEFT + share * (WIDTH - LEFT - RIGHT))
        cv2.line(picture, (LEFT, y), (WIDTH - RIGHT, y), GRID_INK, 1)
        _write(picture, f"{low + share * (high - low):.4g}", (8, y + 5))
        _write(picture, f"{share * last:.0f}", (x - 12, HEIGHT - 14))
    across = LEFT + steps / last * (WIDTH - LEFT - RIGHT)
    down = TOP + (high - values) / (high - low) * (HEIGHT - TOP - BOTTOM)
    _draw(picture, across, down, LINE if len(points) > SMOOTHED else SMOOTH)
    if len(points) > SMOOTHED:
        mean = np.convolve(down, np.ones(SMOOTHED) / SMOOTHED, "valid")
        _draw(picture, across[SMOOTHED // 2 :][: len(mean)], mean, SMOOTH)
    return picture


def _is_number(value: float | int | None) -> bool:
    return value is not None and math.isfinite(value)


def _write(picture: Picture, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)


def _draw(picture: Picture, across: np.ndarray, down: np.ndarray, colour: tuple[int, int, int]) -> None:
    points = np.stack([across, down], axis=1).round().astype(np.int32)
    cv2.polylines(picture, [points], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA)
    for point in points if len(points) <= SMOOTHED else points[:0]:
        cv2.circle(picture, [int(side) for side in point], 3, colour, cv2.FILLED, cv2.LINE_AA)
