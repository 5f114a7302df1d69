"""Weights are found where they are, told apart by their digest, and refused with reasons."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ifrplus_cli.errors import ModelError
from ifrplus_cli.weights import MANIFEST, check_names, find_weights, read_weights, sha256_of, weights_folders


def test_every_bundled_file_is_there() -> None:
    assert all(find_weights(entry.name) is not None for entry in MANIFEST.values() if entry.bundled)


def test_a_folder_of_ones_own_is_searched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path))
    assert weights_folders()[0] == tmp_path
    assert find_weights("lite") != tmp_path / "lite.safetensors"
    (tmp_path / "lite.safetensors").touch()
    assert find_weights("lite") == tmp_path / "lite.safetensors"


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    content = b"weights" * 100_000
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_parameters_are_read_as_float32(tmp_path: Path) -> None:
    save_file({"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.ones(2)}, tmp_path / "w.safetensors")
    found = read_weights(tmp_path / "w.safetensors")
    assert {name: (value.dtype, value.shape) for name, value in found.items()} == {
        "a": (np.float32, (2, 3)),
        "b": (np.float32, (2,)),
    }
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("content", [None, b"", b"not weights at all, but long enough to look at"])
def test_what_is_no_safetensors_file_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="can't be read as weights"):
        read_weights(path)


SHAPES = {"a": (2, 3), "b": (4,)}


def test_weights_that_fit_pass() -> None:
    check_names(dict(SHAPES), SHAPES, Path("w"))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"a": (2, 3)}, "1 missing (such as b)"),
        ({**SHAPES, "c": (1,), "d": (1,)}, "2 unexpected (such as c)"),
        ({"a": (3, 2), "b": (4,)}, "1 of another shape (such as a)"),
        ({"c": (1,)}, "2 missing (such as a), 1 unexpected (such as c)"),
    ],
)
def test_weights_of_another_network_are_refused_with_what_differs(found: dict[str, tuple[int, ...]], told: str) -> None:
    with pytest.raises(ModelError) as refused:
        check_names(found, SHAPES, Path("w.safetensors"))
    assert told in refused.value.message
