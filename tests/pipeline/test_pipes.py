"""What comes out of a pipe lies whole in a file for as long as it is needed; a film goes whole into a pipe."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.files import LEAST_FREE
from ifrplus_cli.pipeline.pipes import PIPE, check_reader, receive, send, temporary_folder

FILM = bytes(range(256)) * 4096  # 1 MiB: more than a pipe holds


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe, for reading and for writing; a test may close either."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def fed(writer: int, content: bytes) -> threading.Thread:
    def feed() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=feed)
    thread.start()
    return thread


def test_a_film_comes_whole_out_of_a_pipe(tmp_path: Path, pipe: tuple[int, int]) -> None:
    thread = fed(pipe[1], FILM)
    receive(pipe[0], tmp_path / "stdin")
    thread.join()
    assert (tmp_path / "stdin").read_bytes() == FILM
    assert (tmp_path / "stdin").stat().st_mtime == 0  # the same source once more has the same date


def test_an_empty_pipe_is_told(tmp_path: Path, pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    with pytest.raises(InputError, match="Nothing came from standard input"):
        receive(pipe[0], tmp_path / "stdin")


def test_a_folder_as_standard_input_is_told(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(InputError, match="Standard input can't be read: Is a directory"):
        receive(descriptor, tmp_path / "stdin")
    os.close(descriptor)


def test_a_disk_that_becomes_full_is_told(
    tmp_path: Path, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([LEAST_FREE * 2, LEAST_FREE * 2])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(looks, LEAST_FREE)))
    thread = fed(pipe[1], FILM)
    (tmp_path / "place").mkdir()
    with pytest.raises(OutputError, match=r"The disk is full.*which has 50 MB free") as error:
        receive(pipe[0], tmp_path / "place" / "stdin")
    assert "TMPDIR" in error.value.hint
    while os.read(pipe[0], 2**16):
        pass
    thread.join()


def test_a_file_that_does_not_fit_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "film").write_bytes(FILM)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=LEAST_FREE + len(FILM) - 1))
    descriptor = os.open(tmp_path / "film", os.O_RDONLY)
    with pytest.raises(OutputError, match="The disk is full"):
        receive(descriptor, tmp_path / "stdin")
    os.close(descriptor)
    assert not (tmp_path / "stdin").exists()


def test_the_folder_is_on_the_disk_of_the_output_unless_tmpdir_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    with temporary_folder(tmp_path / "film.mkv") as folder:
        assert folder.parent == tmp_path
    assert not folder.exists()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    for output in (tmp_path / "film.mkv", PIPE):
        with temporary_folder(output) as folder:
            assert folder.parent == tmp_path / "elsewhere"
    monkeypatch.delenv("TMPDIR")
    with (
        pytest.raises(OutputError, match="Nothing can be written to"),
        temporary_folder(tmp_path / "nowhere" / "film.mkv"),
    ):
        pass


def test_a_film_goes_whole_into_a_pipe(tmp_path: Path, pipe: tuple[int, int]) -> None:
    (tmp_path / "film").write_bytes(FILM)
    taken: list[bytes] = []

    def read() -> None:
        with os.fdopen(pipe[0], "rb", closefd=False) as file:
            taken.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    check_reader(pipe[1])
    send(tmp_path / "film", pipe[1])
    os.close(pipe[1])
    reader.join()
    assert taken == [FILM]


def test_a_reader_that_has_ended_is_told(tmp_path: Path, pipe: tuple[int, int]) -> None:
    (tmp_path / "film").write_bytes(FILM)
    os.close(pipe[0])
    for check in (lambda: check_reader(pipe[1]), lambda: send(tmp_path / "film", pipe[1])):
        with pytest.raises(OutputError, match="The program that read standard output has ended"):
            check()
