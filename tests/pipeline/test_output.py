"""The place of a result: one run at a time, and a name only for what is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import PartFile, PartFolder


def test_a_published_file_has_its_name_and_the_usual_permissions(tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    before = os.umask(0o027)
    try:
        with PartFile(output) as part:
            part.path.write_bytes(b"film")
            assert part.path.stat().st_mode & 0o777 == 0o600
            part.publish()
    finally:
        os.umask(before)
    assert output.read_bytes() == b"film"
    assert output.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [output]


def test_a_folder_is_its_owners_alone_until_it_is_published(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with PartFolder(tmp_path / "frames") as part:
            assert part.path.stat().st_mode & 0o777 == 0o700
            part.publish()
    finally:
        os.umask(before)
    assert (tmp_path / "frames").stat().st_mode & 0o777 == 0o750
    assert list(tmp_path.iterdir()) == [tmp_path / "frames"]


def test_what_was_not_published_goes(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), PartFile(tmp_path / "film.mkv"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_second_run_is_refused_and_leaves_the_first_alone(tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    with PartFile(output) as first:
        with pytest.raises(OutputError, match=r"Another run is writing film.mkv"), PartFile(output):
            pass
        assert first.path.exists()


def test_what_a_killed_run_left_is_not_written_to(tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    left = PartFile(output).path
    left.write_bytes(b"half")
    with left.open("rb") as writer_of_old, PartFile(output) as part:
        assert part.path.read_bytes() == b""
        assert not os.path.samestat(os.fstat(writer_of_old.fileno()), part.path.stat())


def test_names_that_differ_at_their_ends_have_parts_of_their_own(tmp_path: Path) -> None:
    one, other = (PartFile(tmp_path / f"{'x' * 100}{number}.mkv").path for number in range(2))
    assert one != other


@pytest.mark.parametrize("folder", ["missing", "/proc"])
def test_a_folder_that_takes_no_file_is_told_at_once(folder: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Nothing can be written"), PartFile(tmp_path / folder / "film.mkv"):
        pass
