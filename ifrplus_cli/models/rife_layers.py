"""Describe the layers of RIFE 4.25's network (arXiv 2011.06294), without MindSpore."""

from __future__ import annotations

from math import prod

WIDTHS = (192, 128, 96, 64, 32)  # channels of the blocks, coarse to fine
CELLS = (16, 8, 4, 2, 1)  # pixels, per side, that are one pixel of a block
RESIDUAL_LAYERS = 8  # of a block
ENCODED, HIDDEN = 4, 8  # channels of an encoded frame, and those that a block hands on beside flow and mask
MADE = 4 + 1 + HIDDEN  # channels that a block makes: two flows, a mask, and what it hands on
SEEN_FIRST = 2 * (3 + ENCODED) + 1  # channels that the first block sees: frames, encoded frames and the timestep
SEEN = SEEN_FIRST + MADE  # channels that the others see

Shapes = dict[str, tuple[int, ...]]


def shapes() -> Shapes:
    """Return names and shapes of the parameters: (outside, inside, k, k), transposed (inside, outside, k, k)."""
    found: Shapes = {}
    for number, width in enumerate(WIDTHS):
        found |= _block(f"block{number}", SEEN if number else SEEN_FIRST, width)
    for number, inside in enumerate((3, 16, 16)):
        found |= _layer(f"encode.cnn{number}", (16, inside, 3, 3), 16)
    return found | _layer("encode.cnn3", (16, ENCODED, 4, 4), ENCODED)


def multiplications(flow_scale: float) -> float:
    """Return the multiplications of its convolutions per pixel of a picture; blocks work at ``flow_scale``."""
    encoders = blocks = 0.0
    for name, shape in shapes().items():
        if len(shape) != 4 or shape[0] == 1:
            continue
        first, _, kind = name.partition(".")
        if first == "encode":  # half of the size, for both frames
            encoders += 2 * prod(shape) / 4
        else:  # the first of a block's layers works at half of the block's size, the others at a quarter
            shrunk = CELLS[int(first.removeprefix("block"))] * (2 if kind.startswith("conv0.0") else 4)
            blocks += prod(shape) / shrunk**2
    return encoders + blocks * flow_scale**2


def _block(name: str, inside: int, width: int) -> Shapes:
    found = _layer(f"{name}.conv0.0.0", (width // 2, inside, 3, 3), width // 2)
    found |= _layer(f"{name}.conv0.1.0", (width, width // 2, 3, 3), width)
    for number in range(RESIDUAL_LAYERS):
        found[f"{name}.convblock.{number}.beta"] = (1, width, 1, 1)
        found |= _layer(f"{name}.convblock.{number}.conv", (width, width, 3, 3), width)
    return found | _layer(f"{name}.lastconv.0", (width, 4 * MADE, 4, 4), 4 * MADE)


def _layer(name: str, shape: tuple[int, ...], outside: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": (outside,)}
