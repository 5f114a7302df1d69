"""Weights are found where they are, and each has its place in the manifest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ifrplus_cli
from ifrplus_cli.models import MODELS
from ifrplus_cli.weights import manifest
from ifrplus_cli.weights.manifest import MANIFEST, download_folder, find_weights, weights_folders

ROOT = Path(__file__).parents[2]


def test_every_bundled_file_exists_and_is_in_the_wheel() -> None:
    packed = re.findall(
        r'^"(weights/[^"]+)" = "ifrplus_cli/bundled_weights/', (ROOT / "pyproject.toml").read_text(), re.M
    )
    for entry in MANIFEST.values():
        assert not entry.comes_along or find_weights(entry.name) is not None
        assert (f"weights/{entry.file_name}" in packed) == entry.comes_along, "only what is not downloaded is packed"


def test_every_network_has_an_entry() -> None:
    assert {spec.weights for spec in MODELS.values()} <= MANIFEST.keys()
    assert all(MANIFEST[spec.weights].network == spec.name for spec in MODELS.values())


def test_published_files_are_fetched_safely() -> None:
    for entry in MANIFEST.values():
        assert all(
            url.startswith("https://") and url.endswith(".zip" if entry.archive else entry.file_name)
            for url in entry.urls
        )
        assert entry.licence
        assert entry.source


def test_downloads_go_where_weights_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IFRPLUS_WEIGHTS", raising=False)
    assert Path(ifrplus_cli.__file__).parent == manifest.PACKAGE
    assert download_folder() == ROOT / "weights"
    monkeypatch.setattr(manifest, "PACKAGE", tmp_path / "lib" / "ifrplus_cli")  # as it is when it is installed
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    home, bundled = tmp_path / ".local" / "share" / "ifrplus", tmp_path / "lib" / "ifrplus_cli" / "bundled_weights"
    assert (download_folder(), weights_folders()) == (home, (home, bundled))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert download_folder() == tmp_path / "data" / "ifrplus"
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path / "own"))
    assert weights_folders() == (tmp_path / "own", tmp_path / "data" / "ifrplus", bundled)
    (tmp_path / "data" / "ifrplus").mkdir(parents=True)
    (tmp_path / "data" / "ifrplus" / MANIFEST["ifrplus"].file_name).touch()
    assert find_weights("ifrplus") == tmp_path / "data" / "ifrplus" / MANIFEST["ifrplus"].file_name


def test_the_users_own_folder_is_searched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path))
    assert weights_folders()[0] == tmp_path
    assert find_weights("lite") != tmp_path / "lite.safetensors"
    (tmp_path / "lite.safetensors").touch()
    assert find_weights("lite") == tmp_path / "lite.safetensors"
