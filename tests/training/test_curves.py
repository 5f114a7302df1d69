"""The table of a run is kept exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.training.curves import read_rows, write_rows

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


def test_a_folder_that_takes_no_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"curves\.csv can't be written"):
        write_rows(ROWS, tmp_path / "none" / "curves.csv")
