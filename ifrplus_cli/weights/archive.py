"""Read files of a network from a zip archive into memory; nothing is unpacked to a path that an entry names."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

LARGEST_ENTRY = 200_000_000  # bytes; the largest network of the family has 80 million
MOST_ENTRIES = 10_000
SUFFIXES = (".param", ".bin")


def read_archive(path: Path, folder: str) -> tuple[bytes, bytes]:
    """Return the content of the .param and the .bin file of a folder, wherever in the archive that folder is.

    Raises:
        ValueError: saying what is wrong with the archive.
        OSError: if it can't be read.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
        param, numbers = (_read(archive, _entry(entries, folder, suffix)) for suffix in SUFFIXES)
        return param, numbers


def has_member(path: Path, name: str) -> bool:
    """Return whether a file is a zip archive with an entry of this name; False if it can't be read."""
    try:
        with _opened(path) as archive:
            return name in archive.namelist()
    except (ValueError, OSError):
        return False


def read_member(path: Path, name: str) -> bytes:
    """Return the content of the entry with this name.

    Raises:
        ValueError: saying what is wrong with the archive.
        OSError: if it can't be read.
    """
    with _opened(path) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename == name]
        if len(entries) != 1:
            raise ValueError(f"it has {len(entries) or 'no'} {'entries' if entries else 'entry'} {name}")
        return _read(archive, entries[0])


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    with path.open("rb") as file:
        try:
            with ZipFile(file) as archive:
                if len(archive.infolist()) > MOST_ENTRIES:
                    raise ValueError(f"it has {len(archive.infolist())} entries, more than any release")
                yield archive
        except (ValueError, MemoryError):
            raise
        except Exception as error:  # zipfile and its decompressors have no common exception class
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            raise ValueError(f"it is not an undamaged zip archive ({reason})") from error


def _entry(entries: list[ZipInfo], folder: str, suffix: str) -> ZipInfo:
    found = [
        entry
        for entry in entries
        if PurePosixPath(entry.filename).suffix == suffix and PurePosixPath(entry.filename).parent.name == folder
    ]
    if len(found) != 1:
        raise ValueError(f"it has {len(found) or 'no'} {suffix} {'files' if found else 'file'} in a folder {folder}")
    name = PurePosixPath(found[0].filename)
    if name.is_absolute() or ".." in name.parts or "\\" in found[0].filename:
        raise ValueError(f"its entry {found[0].filename!r} points outside the archive")
    if stat.S_ISLNK(found[0].external_attr >> 16):
        raise ValueError(f"its entry {found[0].filename!r} is a link")
    return found[0]


def _read(archive: ZipFile, entry: ZipInfo) -> bytes:
    """Read an entry's content, but no more than the size that the archive states, however much it would expand to."""
    if entry.file_size > LARGEST_ENTRY:
        raise ValueError(f"its entry {entry.filename!r} is too large")
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise ValueError(f"its entry {entry.filename!r} has a different size than the archive states")
    return content
