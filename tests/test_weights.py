from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ifrplus_cli.errors import ModelError
from ifrplus_cli.weights import MANIFEST, check_names, find_weights, read_weights, sha256_of


def test_the_bundled_weights_are_found_and_whole() -> None:
    path = find_weights("lite")
    assert path is not None
    values = read_weights(path)
    assert sum(value.size for value in values.values()) > 1_000_000
    assert all(np.isfinite(value).all() and value.dtype == np.float32 for value in values.values())


def test_the_named_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / MANIFEST["lite"].file_name
    save_file({"a": np.zeros(1, np.float32)}, own)
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path))
    assert find_weights("lite") == own


def test_a_folder_without_the_file_falls_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path))
    found = find_weights("lite")
    assert found is not None and found.parent != tmp_path


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert sha256_of(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 64, b"not weights at all, but a text file\n" * 9])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.safetensors can't be read as weights"):
        read_weights(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_file({"a": np.ones((64, 64), np.float32)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError):
        read_weights(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ({"a": (1, 2)}, "1 missing (such as b)"),
        ({"a": (1, 2), "b": (3,), "c": (4,)}, "1 unexpected (such as c)"),
        ({"a": (2, 1), "b": (3,)}, "1 of another shape (such as a)"),
    ],
)
def test_misfits_are_named(found: dict[str, tuple[int, ...]], fault: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_names(found, {"a": (1, 2), "b": (3,)}, Path("w.safetensors"))
    assert fault in caught.value.message
    assert caught.value.message.count("parameters") == 1


def test_fitting_names_pass() -> None:
    check_names({"a": (1, 2)}, {"a": (1, 2)}, Path("w.safetensors"))
