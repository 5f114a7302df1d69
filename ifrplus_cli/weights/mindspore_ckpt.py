"""Read MindSpore's checkpoint files (.ckpt) without MindSpore.

``mindspore.load_checkpoint`` trusts the sizes that a file states, so a damaged or hostile file makes it read and write
outside its memory. Here every size is checked against the data, and only numbers are returned.

A file is one protobuf message: a list of entries, each with a name and a tensor of dimensions, type and bytes. A marker
and the CRC-32 of all entries may follow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

NUMBERS = {
    "Float16": "<f2",
    "Float32": "<f4",
    "Float64": "<f8",
    "Int8": "<i1",
    "Int16": "<i2",
    "Int32": "<i4",
    "Int64": "<i8",
    "UInt8": "<u1",
    "UInt16": "<u2",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Bool": "?",
}
TEXT = "str"
CRC_MARK, CRC_SIZE = b"crc_num", 10


def read_checkpoint(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return every array of a file by its name, read-only and mapped from the file; stored texts are left out.

    Raises:
        ValueError: saying what is wrong with the file.
        OSError: if it can't be read.
    """
    import numpy as np

    if not path.stat().st_size:
        raise ValueError("it is empty")
    found: dict[str, npt.NDArray[Any]] = {}
    for number, entry in _fields(_without_crc(np.memmap(path, np.uint8, mode="r").data)):
        if number != 1 or isinstance(entry, int):
            raise ValueError("it is not a MindSpore checkpoint")
        name, kind, shape, content = _tensor(entry)
        if kind == TEXT:
            continue
        if kind not in NUMBERS:
            raise ValueError(f"{name} is stored as {kind or 'something other than a tensor'}, which is not supported")
        if name in found:
            raise ValueError(f"{name} is stored twice")
        dtype = np.dtype(NUMBERS[kind])
        if not content or prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"{name} has {len(content)} bytes, which is not {'x'.join(map(str, shape))} of {kind}")
        found[name] = np.frombuffer(content, dtype).reshape(shape)
    return found


def _without_crc(data: memoryview) -> memoryview:
    body, tail = data[: -CRC_SIZE - len(CRC_MARK)], data[-CRC_SIZE - len(CRC_MARK) :]
    if tail[: len(CRC_MARK)] != CRC_MARK:
        return data
    if zlib.crc32(body) != int.from_bytes(tail[len(CRC_MARK) :], "big"):
        raise ValueError("its checksum is wrong, so it is damaged")
    return body


def _tensor(entry: memoryview) -> tuple[str, str, tuple[int, ...], memoryview]:
    """Return name, type, shape and bytes of an entry; the type is empty if the entry is not a tensor."""
    name, kind, content = "", "", entry[:0]
    dims: list[int] = []
    for part in _fields(entry):
        match part:
            case (1, memoryview() as text):
                name = str(text, "utf-8")
            case (2, memoryview() as tensor):
                for field in _fields(tensor):
                    match field:
                        case (1, int(size)):
                            dims.append(size)
                        case (2, memoryview() as text):
                            kind = str(text, "utf-8")
                        case (3, memoryview() as stretch):
                            content = stretch
    if not (name + kind).isprintable():
        raise ValueError("it is not a MindSpore checkpoint")
    return name, kind, () if dims == [0] else tuple(dims), content  # a scalar is stored with dimensions [0]


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _integer(message, at)
        value, at = _integer(message, at)
        match key & 7:
            case 0:
                yield key >> 3, value
            case 2:
                if at + value > len(message):
                    raise ValueError("it ends too early")
                yield key >> 3, message[at : at + value]
                at += value
            case _:
                raise ValueError("it is not a MindSpore checkpoint")


def _integer(message: memoryview, at: int) -> tuple[int, int]:
    """Decode the protobuf integer at ``at``, and return it with its end: seven bits per byte, lowest first."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends too early")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("it is not a MindSpore checkpoint")
