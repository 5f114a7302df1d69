"""Damage files at random."""

from __future__ import annotations

from random import Random


def spoilt(draw: Random, content: bytes) -> bytes:
    """Some bytes changed, cut out, doubled or added."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(data) + 1)
        end = min(len(data), at + draw.choice((1, 1, 2, 4, 30, 400)))
        match draw.randrange(4):
            case 0:
                data[at:end] = draw.randbytes(end - at)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end]
            case _:
                data[at:at] = draw.randbytes(draw.choice((1, 4, 50)))
    return bytes(data)
