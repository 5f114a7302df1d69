"""A network's two ncnn files out of a zip archive: read into memory, never unpacked to where an entry says."""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

LARGEST_ENTRY = 200_000_000  # bytes; the largest network of the family has 80 million
MOST_ENTRIES = 10_000
SUFFIXES = (".param", ".bin")


def read_archive(path: Path, folder: str) -> tuple[bytes, bytes]:
    """What is in the .param and in the .bin file of a folder of an archive, wherever in it that folder is.

    Raises:
        ValueError: saying what is wrong with the archive.
        OSError: if it can't be read.
    """
    with path.open("rb") as file:
        try:
            with ZipFile(file) as archive:
                entries = archive.infolist()
                if len(entries) > MOST_ENTRIES:
                    raise ValueError(f"it has {len(entries)} entries, more than any release")
                param, numbers = (_read(archive, _entry(entries, folder, suffix)) for suffix in SUFFIXES)
                return param, numbers
        except (ValueError, MemoryError):
            raise
        except Exception as error:  # zipfile and its decompressors have no exception in common
            told = " ".join(str(error).split())[:100] or type(error).__name__
            raise ValueError(f"it is no whole zip archive ({told})") from error


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
        raise ValueError(f"its entry {found[0].filename!r} leads out of it")
    if stat.S_ISLNK(found[0].external_attr >> 16):
        raise ValueError(f"its entry {found[0].filename!r} is a link")
    return found[0]


def _read(archive: ZipFile, entry: ZipInfo) -> bytes:
    """An entry's content; no more of it is made than the archive says, whatever it would grow to."""
    if entry.file_size > LARGEST_ENTRY:
        raise ValueError(f"its entry {entry.filename!r} is too large")
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise ValueError(f"its entry {entry.filename!r} has another size than it says")
    return content
