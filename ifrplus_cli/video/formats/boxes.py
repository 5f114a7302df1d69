"""The boxes of mp4 and mov files (ISO/IEC 14496-12, 4.2): plain bytes in, plain bytes out, and one change to a file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20
CHUNK_TABLES = {b"stco": "I", b"co64": "Q"}  # places in the file, and how each is stored


@dataclass(frozen=True)
class Box:
    """A box: four letters, and all that comes behind its header."""

    kind: bytes
    payload: bytes

    @property
    def stored(self) -> bytes:
        """The box as it lies in a file."""
        return struct.pack(">I4s", 8 + len(self.payload), self.kind) + self.payload


def read_boxes(payload: bytes) -> list[Box]:
    """The boxes that a box consists of; what is damaged ends the list."""
    found, start = [], 0
    while start + 8 <= len(payload):
        size, kind = struct.unpack_from(">I4s", payload, start)
        size = size or len(payload) - start
        if size < 8 or start + size > len(payload):
            break
        found.append(Box(kind, payload[start + 8 : start + size]))
        start += size
    return found


def stored(boxes: Iterable[Box]) -> bytes:
    """Boxes one behind the other."""
    return b"".join(box.stored for box in boxes)


def inside(payload: bytes, *path: bytes) -> bytes | None:
    """Payload of the first box at a path of kinds, None if there is none."""
    for kind in path:
        child = next((box for box in read_boxes(payload) if box.kind == kind), None)
        if child is None:
            return None
        payload = child.payload
    return payload


def changed(payload: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """The payload with every box at a path of kinds changed."""
    kind, *rest = path
    return stored(
        Box(box.kind, changed(box.payload, tuple(rest), change) if rest else change(box.payload))
        if box.kind == kind
        else box
        for box in read_boxes(payload)
    )


def read_moov(path: Path) -> bytes | None:
    """Payload of a file's ``moov`` box, None where it has none or can't be read."""
    try:
        with path.open("rb") as file:
            place = _find_moov(file, path.stat().st_size)
            if place is None:
                return None
            file.seek(place[0] + 8)
            return file.read(place[1] - 8)
    except OSError:
        return None


def is_encrypted(path: Path) -> bool:
    """Whether samples of a file are encrypted (ISO/IEC 23001-7)."""
    tracks = (box.payload for box in read_boxes(read_moov(path) or b"") if box.kind == b"trak")
    described = (inside(track, b"mdia", b"minf", b"stbl", b"stsd") or b"" for track in tracks)
    return any(entry.kind in {b"encv", b"enca"} for table in described for entry in read_boxes(table[8:]))


def change_moov(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the ``moov`` box of a finished file, and move what lies behind it.

    Raises:
        ValueError: if the file has none, or its samples would lie where it has no numbers for.
    """
    with path.open("r+b") as file:
        size = path.stat().st_size
        place = _find_moov(file, size)
        if place is None:
            raise ValueError("no moov box")
        start, length = place
        file.seek(start + 8)
        before = file.read(length - 8)
        after = change(before)
        if after == before:
            return
        shift = len(after) - len(before)
        if start + length < size:
            after = _shifted(after, start, shift)
            _move(file, start + length, size, shift)
        file.seek(start)
        file.write(Box(b"moov", after).stored)
        file.truncate(size + shift)


def _find_moov(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Place and whole length of the ``moov`` box."""
    start = 0
    while start + 8 <= size:
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = struct.unpack(">Q", file.read(8))[0]
        elif kind == b"moov" and 0 < length <= size - start:
            return start, length
        if length < 8:
            return None
        start += length
    return None


def _shifted(moov: bytes, behind: int, shift: int) -> bytes:
    """With the places of samples that lie behind a place moved."""

    def table(payload: bytes, letter: str) -> bytes:
        count = struct.unpack_from(">I", payload, 4)[0]
        places = struct.unpack_from(f">{count}{letter}", payload, 8)
        try:
            return payload[:8] + struct.pack(f">{count}{letter}", *(p + shift * (p > behind) for p in places))
        except struct.error as error:
            raise ValueError("no room for larger places") from error

    for kind, letter in CHUNK_TABLES.items():
        path = (b"trak", b"mdia", b"minf", b"stbl", kind)
        moov = changed(moov, path, lambda payload, letter=letter: table(payload, letter))  # type: ignore[misc]
    return moov


def _move(file: BinaryIO, start: int, end: int, shift: int) -> None:
    """Move what lies between two places, the last block first where it grows."""
    starts = range(start, end, BLOCK)
    for begin in reversed(starts) if shift > 0 else starts:
        file.seek(begin)
        block = file.read(min(BLOCK, end - begin))
        file.seek(begin + shift)
        file.write(block)
