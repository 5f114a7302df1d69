"""A network's two files are taken out of an archive as they are, and nothing else is ever unpacked."""

from __future__ import annotations

import stat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from ncnn_files import FOLDER, RELEASE
from ncnn_files import archive as zipped

from ifrplus_cli.weights import archive
from ifrplus_cli.weights.archive import read_archive


def test_both_files_are_read_wherever_their_folder_is(tmp_path: Path) -> None:
    (tmp_path / "w.zip").write_bytes(zipped(FOLDER, b"param", b"numbers", {"other/ifrnet.bin": b"of another network"}))
    assert read_archive(tmp_path / "w.zip", FOLDER) == (b"param", b"numbers")
    with ZipFile(tmp_path / "top.zip", "w", ZIP_DEFLATED) as file:
        file.writestr(f"{FOLDER}/a.bin", b"numbers")
        file.writestr(f"{FOLDER}/a.param", b"param")
    assert read_archive(tmp_path / "top.zip", FOLDER) == (b"param", b"numbers")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a/ifrnet.param", "a/ifrnet.bin"], "no .param file in a folder"),
        ([f"{FOLDER}/ifrnet.param"], "no .bin file in a folder"),
        ([f"{FOLDER}/a.param", f"x/{FOLDER}/b.param", f"{FOLDER}/a.bin"], "2 .param files"),
        ([f"/{FOLDER}/a.param", f"/{FOLDER}/a.bin"], "points outside the archive"),
        ([f"../{FOLDER}/a.param", f"../{FOLDER}/a.bin"], "points outside the archive"),
    ],
)
def test_entries_that_do_not_belong_are_refused(names: list[str], told: str, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "w.zip", "w") as file:
        for name in names:
            file.writestr(name, b"7767517")
    with pytest.raises(ValueError, match=told):
        read_archive(tmp_path / "w.zip", FOLDER)
    assert [path.name for path in tmp_path.iterdir()] == ["w.zip"]


def test_an_entry_does_not_grow_beyond_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.zip").write_bytes(zipped(FOLDER, b"7767517", bytes(10_000)))
    monkeypatch.setattr(archive, "LARGEST_ENTRY", 9_999)
    with pytest.raises(ValueError, match=f"{RELEASE}/{FOLDER}/ifrnet.bin' is too large"):
        read_archive(tmp_path / "w.zip", FOLDER)


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = ZipInfo(f"{FOLDER}/a.bin")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with ZipFile(tmp_path / "w.zip", "w") as file:
        file.writestr(f"{FOLDER}/a.param", b"7767517")
        file.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match="is a link"):
        read_archive(tmp_path / "w.zip", FOLDER)


def test_an_archive_of_too_many_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.zip").write_bytes(zipped(FOLDER, b"param", b"numbers", {f"{n}": b"" for n in range(9)}))
    monkeypatch.setattr(archive, "MOST_ENTRIES", 10)
    with pytest.raises(ValueError, match="it has 12 entries"):
        read_archive(tmp_path / "w.zip", FOLDER)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.zip").write_bytes(content)
    with pytest.raises(ValueError, match="it is not an undamaged zip archive"):
        read_archive(tmp_path / "w.zip", FOLDER)
