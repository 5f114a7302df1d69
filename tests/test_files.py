"""Files and folders are written completely or not at all, and obstacles are found beforehand."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import CHUNK, PartFile, PartFolder, check_place, sha256_of, whole_file, write_whole


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_text("old")
    check_place(path, "--csv")
    write_whole(path, "new\n", "--csv")
    assert path.read_text() == "new\n"
    assert [file.name for file in tmp_path.iterdir()] == ["figures.csv"]


def test_a_file_that_can_not_be_finished_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "step-0000003.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"), whole_file(path) as part:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


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
    check_place(tmp_path / "report.html", "--report", [film, None])


@pytest.mark.parametrize("content", [b"\0\0\0\x18ftypmp42", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_only_a_text_is_replaced_by_a_text(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="--report would overwrite"):
        check_place(path, "--report")
    path.write_text("an older report")
    check_place(path, "--report")


def test_a_link_goes_on_leading_to_its_file(tmp_path: Path) -> None:
    folder, link = tmp_path / "figures", tmp_path / "link.csv"
    folder.mkdir()
    link.symlink_to(folder / "figures.csv")
    for text in ("new\n", "newer\n"):
        check_place(link, "--csv")
        write_whole(link, text, "--csv")
        assert (folder / "figures.csv").read_text() == text
    assert link.is_symlink()
    assert [file.name for file in folder.iterdir()] == ["figures.csv"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_place(pipe, "--csv")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "new\n", "--csv")
        assert os.read(reader, 100) == b"new\n"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    content = b"weights" * CHUNK
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


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


def test_a_run_that_has_published_leaves_the_file_of_the_next_one_alone(tmp_path: Path) -> None:
    output = tmp_path / "film.mkv"
    with PartFile(output) as first:
        first.publish()
        second = PartFile(output)
        second.__enter__()
    assert second.path.exists()
    second.__exit__()
    assert not second.path.exists()


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


def test_a_folder_that_a_killed_run_had_put_aside_comes_back(tmp_path: Path) -> None:
    output = tmp_path / "frames"
    aside = PartFolder(output).path.with_name(f"{PartFolder(output).path.name}.old")
    aside.mkdir()
    (aside / "1.png").touch()
    with PartFolder(output):
        assert [file.name for file in output.iterdir()] == ["1.png"]
    aside.mkdir()
    (aside / "0.png").touch()
    with PartFolder(output) as part:
        (part.path / "2.png").touch()
        part.publish()
    assert [file.name for file in output.iterdir()] == ["2.png"]
    assert list(tmp_path.iterdir()) == [output]


def test_a_link_that_leads_to_itself_is_no_place_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "report.html").symlink_to("report.html")
    with pytest.raises(OutputError, match="leads nowhere"):
        check_place(tmp_path / "report.html", "--report")
