"""Curves are kept exactly, and drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.training.curves import HEIGHT, WIDTH, plot, read_rows, write_picture, write_rows

ROWS = [
    {"step": 0, "psnr": 30.0},
    *({"step": k, "loss": 1 / k, "psnr": 31.5 if k == 40 else None} for k in range(1, 41)),
]


def test_rows_come_back_up_to_a_step(tmp_path: Path) -> None:
    write_rows(ROWS, tmp_path / "curves.csv")
    found = read_rows(tmp_path / "curves.csv", 40)
    assert [row["step"] for row in found] == list(range(41))
    assert found[3]["loss"] == pytest.approx(1 / 3, rel=1e-7)
    assert found[3]["psnr"] is None
    assert len(read_rows(tmp_path / "curves.csv", 10)) == 11
    assert read_rows(tmp_path / "none.csv", 10) == []


def test_the_picture_shows_a_line_that_falls(tmp_path: Path) -> None:
    write_picture(ROWS, tmp_path / "curves.png")
    assert cv2.imread(str(tmp_path / "curves.png")).shape == (2 * HEIGHT, WIDTH, 3)
    drawn = plot(ROWS, "loss", "loss")
    blue = (drawn[..., 0].astype(int) - drawn[..., 2]) > 40
    columns = [x for x in range(WIDTH) if blue[:, x].any()]
    assert blue[:, columns[0]].argmax() < blue[:, columns[-1]].argmax()
    assert (plot([], "loss", "loss") != 255).any()
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_a_folder_that_accepts_no_files_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"curves\.png can't be written"):
        write_picture(ROWS, tmp_path / "none" / "curves.png")
