"""Weights of the IFRNet family from archives, ncnn's files and files of weights, through the command line."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from clips import run_here
from ncnn_files import FOLDER, archive, golden, ncnn_files
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch_files import torch_archive
from web import Answer, Site, serving

from ifrplus_cli.models.ifrnet_family import SMALL
from ifrplus_cli.weights.manifest import MANIFEST

NAME = "ifrnet-s.safetensors"
IN_PLACE = {NAME, f"{NAME}.json", f"{NAME}.lock"}
HERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), "")


@cache
def release(*, half: bool = False) -> bytes:
    other = ncnn_files(SMALL, {name: value * 2 for name, value in golden(SMALL).items()})
    more = {"IFRNet_S_GoPro/ifrnet.param": other[0], "IFRNet_S_GoPro/ifrnet.bin": other[1]}
    return archive(FOLDER, *ncnn_files(SMALL, golden(SMALL), half=half), more)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_is_golden(path: Path, *, half: bool = False) -> None:
    found = load_file(path)
    assert found.keys() == golden(SMALL).keys()
    for name, value in golden(SMALL).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3 if half else 0, atol=1e-6 if half else 0)


@pytest.mark.parametrize("half", [False, True])
def test_an_archive_is_downloaded_and_its_folder_taken_out(half: bool, tmp_path: Path) -> None:
    content = release(half=half)
    digest = hashlib.sha256(content).hexdigest()
    arguments = ("download-weights", "ifrnet-s", "--dir", tmp_path / "weights", "--json")
    with serving(Site(content)) as site:
        site.answers = [Answer(cut=len(content) // 3)]
        done = run_here(*arguments, "--url", site.url, "--sha256", digest, folder=tmp_path, environment=HERE)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["url"], told["enforced"], told["fresh"]) == (site.url, True, True)
        assert site.ranges[1] is not None, "continued where it broke off"
        again = run_here(*arguments, "--sha256", digest, folder=tmp_path, environment=HERE)
        assert json.loads(again.stdout)["fresh"] is False, again.stderr
        other = run_here(*arguments, "--sha256", "0" * 64, folder=tmp_path, environment=HERE)
        assert other.returncode == 1
        assert "was made from a file whose SHA-256 is" in other.stderr
    path = tmp_path / "weights" / NAME
    assert names_in(path.parent) == IN_PLACE
    assert_is_golden(path, half=half)
    record = json.loads((path.parent / f"{NAME}.json").read_text())
    assert record["source_sha256"] == digest
    assert record["sha256"] == told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with safe_open(path, "numpy") as file:
        card = file.metadata()
    assert card == {
        "name": "ifrnet-s",
        "source": MANIFEST["ifrnet-s"].source,
        "source_sha256": digest,
        "licence": "MIT",
    }


@pytest.mark.parametrize("kind", ["w.zip", "ifrnet.param", "ifrnet.bin", "mine.safetensors", "authors.pth"])
def test_local_files_are_installed(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "here" / kind
    source.parent.mkdir()
    if kind == "w.zip":
        source.write_bytes(release())
    elif kind == "mine.safetensors":
        save_file(dict(golden(SMALL)), source)
    elif kind == "authors.pth":
        source.write_bytes(torch_archive({f"module.{name}": value for name, value in golden(SMALL).items()}))
    else:
        param, numbers = ncnn_files(SMALL, golden(SMALL))
        (tmp_path / "here" / "ifrnet.param").write_bytes(param)
        (tmp_path / "here" / "ifrnet.bin").write_bytes(numbers)
    before = {path: path.read_bytes() for path in source.parent.iterdir()}
    arguments = ("download-weights", "ifrnet-s", "--from", source)
    environment = {"IFRPLUS_WEIGHTS": str(tmp_path / "w")}
    done = run_here(*arguments, folder=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "done: " in done.stderr
    assert "Licence: MIT." in done.stderr
    assert names_in(tmp_path / "w") == IN_PLACE
    assert_is_golden(tmp_path / "w" / NAME)
    assert {path: path.read_bytes() for path in source.parent.iterdir()} == before, "the source stays as it was"
    again = run_here(*arguments, folder=tmp_path, environment=environment)
    assert again.returncode == 1
    assert "already exists" in again.stderr
    assert run_here(*arguments, "--force", folder=tmp_path, environment=environment).returncode == 0


def test_a_folder_of_another_network_is_another_network(tmp_path: Path) -> None:
    (tmp_path / "w.zip").write_bytes(release())
    for name, told in (("ifrnet-s-gopro", ""), ("ifrnet-l", "no .param file in a folder IFRNet_L_Vimeo90K")):
        done = run_here("download-weights", name, "--from", "w.zip", "--dir", tmp_path / "w", folder=tmp_path)
        assert (done.returncode, told in done.stderr) == (1 if told else 0, True), done.stderr
    found = load_file(tmp_path / "w" / "ifrnet-s-gopro.safetensors")
    name, value = next(iter(golden(SMALL).items()))
    np.testing.assert_array_equal(found[name], value * 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 and more", "is not an undamaged zip archive"),
        (b"<html>", "can't be read as weights"),
        (b"", "can't be read as weights"),
        (None, "does not exist, or is not a file"),
    ],
)
def test_files_without_a_network_are_refused(content: bytes | None, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "w.zip").write_bytes(content)
    done = run_here("download-weights", "ifrnet-s", "--from", "w.zip", "--dir", tmp_path / "w", folder=tmp_path)
    error, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert told in error
    assert hint.startswith("hint: ")
    assert not (tmp_path / "w").exists() or names_in(tmp_path / "w") == {f"{NAME}.lock"}


def test_a_missing_half_of_a_pair_is_reported(tmp_path: Path) -> None:
    (tmp_path / "ifrnet.param").write_bytes(ncnn_files(SMALL, golden(SMALL))[0])
    done = run_here("download-weights", "ifrnet-s", "--from", "ifrnet.param", "--dir", tmp_path, folder=tmp_path)
    assert done.returncode == 1
    assert "ifrnet.bin can't be read: No such file or directory" in " ".join(done.stderr.split())


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "w.zip", "w", ZIP_DEFLATED) as file:
        file.writestr(f"{FOLDER}/ifrnet.param", b"7767517")
        with file.open(f"{FOLDER}/ifrnet.bin", "w") as entry:
            for _ in range(201):
                entry.write(bytes(1_000_000))
    done = run_here("download-weights", "ifrnet-s", "--from", "w.zip", "--dir", tmp_path, folder=tmp_path)
    assert done.returncode == 1
    assert "is too large" in done.stderr


def test_every_network_of_the_family_has_a_folder_of_its_own() -> None:
    folders = {entry.archive for entry in MANIFEST.values() if entry.archive}
    assert folders == {f"IFRNet{size}_{data}" for size in ("_S", "", "_L") for data in ("Vimeo90K", "GoPro")}
