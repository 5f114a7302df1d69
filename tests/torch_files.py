"""Write archives as ``torch.save`` does, without PyTorch."""

from __future__ import annotations

import io
from collections.abc import Mapping
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def whole(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little", signed=True)


def listed(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def tensor(
    key: str, size: int, shape: tuple[int, ...], strides: tuple[int, ...], begin: int = 0, kind: str = "Float"
) -> bytes:
    storage = listed(text("storage"), f"ctorch\n{kind}Storage\n".encode(), text(key), text("cpu"), whole(size)) + b"Q"
    sizes = (listed(*map(whole, each)) for each in (shape, strides))
    hooks = b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + listed(storage, whole(begin), *sizes, b"\x89", hooks) + b"R"


def pickled(tensors: Mapping[str, bytes]) -> bytes:
    """The list of a dictionary of tensors, with the versions of layers that PyTorch attaches."""
    items = b"".join(text(name) + value for name, value in tensors.items())
    versions = text("") + b"}" + text("version") + b"K\x01s"
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u}" + text("_metadata") + b"}" + versions + b"ssb."


def in_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))


def torch_archive(values: Mapping[str, Array], folder: str = "archive") -> bytes:
    """An archive of float32 tensors."""
    described = {
        name: tensor(str(number), value.size, value.shape, in_order(value.shape))
        for number, (name, value) in enumerate(values.items())
    }
    numbers = {f"data/{number}": value.astype("<f4").tobytes() for number, value in enumerate(values.values())}
    return zipped({"data.pkl": pickled(described), "byteorder": b"little", **numbers, "version": b"3\n"}, folder)


def zipped(entries: Mapping[str, bytes], folder: str = "archive", method: int = ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(f"{folder}/{name}", content)
    return made.getvalue()
