"""Files as MindSpore's checkpoints are: protobuf, a parameter after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def protobuf_field(number: int, value: bytes | int) -> bytes:
    """A field of a protobuf message: a number, or a stretch of bytes."""
    kind = 0 if isinstance(value, int) else 2
    body = varint(value) if isinstance(value, int) else varint(len(value)) + value
    return varint(number << 3 | kind) + body


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    more, rest = value & 0x7F, value >> 7
    return bytes([more | 0x80]) + varint(rest) if rest else bytes([more])


def entry(name: str, dims: Sequence[int], kind: str, content: bytes) -> bytes:
    """One parameter as MindSpore's checkpoints store it."""
    sizes = b"".join(protobuf_field(1, size) for size in dims)
    tensor = sizes + protobuf_field(2, kind.encode()) + protobuf_field(3, content)
    return protobuf_field(1, protobuf_field(1, name.encode()) + protobuf_field(2, tensor))


def checkpoint(count: int = 300_000, seed: int = 1) -> bytes:
    """A file of one parameter with random values; about four bytes each."""
    values = np.random.default_rng(seed).standard_normal(count).astype("<f4")
    return entry("generator.a", [count], "Float32", values.tobytes())
