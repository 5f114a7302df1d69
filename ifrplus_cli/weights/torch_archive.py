"""Read the tensors of a PyTorch archive (.pth, .pkl, .pt) without PyTorch and without unpickling.

An archive is a zip file of stored, not compressed, entries in one folder: ``data.pkl`` describes the tensors
(``torch_pickle.py``), and ``data/0``, ``data/1`` and so on hold their numbers.
"""

from __future__ import annotations

import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from ifrplus_cli.weights.torch_pickle import StoredTensor, stored_tensors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_ENTRIES = 10_000
LIST = "/data.pkl"
LOCAL_HEADER, LOCAL_SIGNATURE, ENCRYPTED = 30, b"PK\x03\x04", 1


def is_torch_archive(path: Path) -> bool:
    """Return whether a file is a zip file with a list of tensors; False if it can't be read."""
    try:
        return any(name.endswith(LIST) for name in _entries(path))
    except (ValueError, OSError):
        return False


def read_torch_archive(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return every tensor of an archive by its name, read-only and mapped from the file.

    Raises:
        ValueError: saying what is wrong with the archive.
        OSError: if it can't be read.
    """
    import numpy as np

    entries = _entries(path)
    lists = [name for name in entries if name.endswith(LIST)]
    if len(lists) != 1:
        raise ValueError("it is a zip file, but not a PyTorch archive")
    folder = lists[0].removesuffix(LIST)
    data = np.memmap(path, np.uint8, mode="r").data
    order = entries.get(f"{folder}/byteorder")
    if order is not None and bytes(_content(data, order)) != b"little":
        raise ValueError("its numbers are stored in another byte order")
    tensors = stored_tensors(bytes(_content(data, entries[lists[0]])))
    keys = {tensor.storage.key for tensor in tensors.values()}
    storages = {key: _numbers(data, entries, f"{folder}/data/{key}") for key in keys}
    return {name: _tensor(name, tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _entries(path: Path) -> dict[str, ZipInfo]:
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError:
        raise
    except Exception as error:  # zipfile has no common exception class
        raise ValueError("it is not an undamaged zip file") from error
    named = {entry.filename: entry for entry in entries}
    if len(named) != len(entries) or len(entries) > MOST_ENTRIES:
        raise ValueError("it is a zip file with too many entries, or with some twice")
    if sum(entry.file_size for entry in entries if entry.compress_type == ZIP_STORED) > path.stat().st_size:
        raise ValueError("it is a zip file whose entries overlap")
    return named


def _numbers(data: memoryview, entries: dict[str, ZipInfo], name: str) -> memoryview:
    if name not in entries:
        raise ValueError("numbers are missing")
    return _content(data, entries[name])


def _content(data: memoryview, entry: ZipInfo) -> memoryview:
    """Return the bytes of an entry, which must be stored as they are."""
    stored = entry.compress_type == ZIP_STORED and not entry.flag_bits & ENCRYPTED
    begin = entry.header_offset
    header = bytes(data[begin : begin + LOCAL_HEADER]) if begin >= 0 else b""
    if not stored or len(header) < LOCAL_HEADER or not header.startswith(LOCAL_SIGNATURE):
        raise ValueError("it is damaged, or compressed")
    begin += LOCAL_HEADER + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    content = data[begin : begin + entry.file_size]
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise ValueError("its checksums are wrong, so it is damaged")
    return content


def _tensor(name: str, tensor: StoredTensor, content: memoryview) -> npt.NDArray[np.float32]:
    import numpy as np

    count = prod(tensor.shape)
    if min(tensor.shape, default=1) < 1 or not _in_order(tensor.shape, tensor.strides):
        raise ValueError(f"{name[:80]!r} is not stored in order")
    if tensor.begin < 0 or len(content) != 4 * tensor.storage.size or tensor.begin + count > tensor.storage.size:
        raise ValueError(f"{name[:80]!r} has more numbers than the file")
    return np.frombuffer(content, "<f4", count, 4 * tensor.begin).reshape(tensor.shape)


def _in_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Return whether numbers lie row by row, one after the other; the stride along an axis of one does not matter."""
    if len(shape) != len(strides):
        return False
    wanted = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return all(size == 1 or stride == own for size, stride, own in zip(shape, strides, wanted, strict=True))
