"""A requested file is written completely or not at all, and obstacles are found beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import check_place, write_whole


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_text("old")
    check_place(path, "--csv")
    write_whole(path, "new\n", "--csv")
    assert path.read_text() == "new\n"
    assert [file.name for file in tmp_path.iterdir()] == ["figures.csv"]


@pytest.mark.parametrize("name", ["folder", "no/figures.csv"])
def test_what_is_in_the_way_is_found_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    for refuse in (lambda path: check_place(path, "--csv"), lambda path: write_whole(path, "new", "--csv")):
        with pytest.raises(OutputError, match="can't be written") as error:
            refuse(tmp_path / name)
        assert error.value.hint == "Give another --csv."
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_film_is_not_overwritten(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.touch()
    with pytest.raises(OutputError, match="--report would overwrite"):
        check_place(tmp_path / ".." / tmp_path.name / "film.mp4", "--report", [film])
    check_place(tmp_path / "report.html", "--report", [film])
