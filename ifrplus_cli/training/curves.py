"""Write the course of a training run as a CSV table, one row a step."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from ifrplus_cli.files import write_whole

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
