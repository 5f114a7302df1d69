"""Make ``tests/models/rife_golden.npz``: outputs of RIFE's network for weights that anyone can generate again.

They are computed by the twin in ``rife_torch.py``, which shares no code with the program.

    python tools/make_rife_golden.py tests/models/rife_golden.npz
"""

from __future__ import annotations

import sys
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
SEED = 425
TEXTURE = 8  # pixels of the smallest things in the pictures


class Case(NamedTuple):
    """Two pictures, and how the frame between them is made."""

    t: float
    flow_scale: float
    height: int
    width: int


CASES = {
    "middle": Case(0.5, 1.0, 64, 128),
    "early": Case(0.25, 1.0, 128, 64),
    "half": Case(0.6, 0.5, 128, 128),
}


def rule(name: str, shape: tuple[int, ...]) -> Array:
    """Return the values of a parameter, computed from its name alone."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    x = draw.standard_normal(shape).astype(np.float32)
    if name.endswith("beta"):
        return np.float32(0.25) + np.float32(0.05) * x
    if name.endswith("bias"):
        return np.float32(0.1) * x
    if "lastconv" in name:  # changes of flow of half a block's pixel
        return x * np.float32(0.6 / np.sqrt(4 * shape[0]))
    fan = shape[0] * 4 if name == "encode.cnn3.weight" else int(np.prod(shape[1:]))
    return x / np.float32(np.sqrt(fan))


def pictures(case: Case, draw: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw two unlike pictures, (2, 3, H, W), of soft blobs."""
    coarse = draw.random((2, 3, case.height // TEXTURE, case.width // TEXTURE))
    for axis in (2, 3):
        coarse = np.repeat(coarse, TEXTURE, axis)
        coarse = sum(np.roll(coarse, shift, axis) for shift in range(TEXTURE)) / TEXTURE
    return np.round(coarse * 255).astype(np.uint8)


def main() -> None:
    import torch
    from rife_torch import Rife

    draw = np.random.default_rng(SEED)
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    network = Rife()
    values = {key: torch.from_numpy(rule(key, tuple(value.shape))) for key, value in network.state_dict().items()}
    network.load_state_dict(values)
    for name, case in CASES.items():
        pair = pictures(case, draw)
        left, right = (torch.from_numpy(image[None] / np.float32(255)) for image in pair)
        with torch.no_grad():
            made, flow, share = network(left, right, case.t, case.flow_scale)
        print(
            f"{name}: flows of {flow.abs().mean():.1f} pixels, {flow.abs().max():.0f} at most; share {share.std():.2f}"
        )
        codes = np.round(made.numpy() * 65535).astype(np.uint16)
        arrays |= {f"{name}/input": pair, f"{name}/made": codes, f"{name}/flow": flow.numpy()[:, :, ::8, ::8]}
    np.savez_compressed(sys.argv[1], **arrays)


if __name__ == "__main__":
    main()
