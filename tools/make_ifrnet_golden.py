"""Make ``tests/models/ifrnet_golden.npz``: outputs of the IFRNet family for weights that anyone can generate again.

They are computed by the twin in ``ifrnet_torch.py``, which shares no code with the program.

    python tools/make_ifrnet_golden.py tests/models/ifrnet_golden.npz
"""

from __future__ import annotations

import sys
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
SEED = 2206


class Case(NamedTuple):
    """Two pictures, and how the frame between them is made."""

    member: str
    t: float
    flow_scale: float
    height: int
    width: int


CASES = {
    "small": Case("s", 0.5, 1.0, 48, 64),
    "small_early": Case("s", 0.3, 0.5, 64, 32),
    "base": Case("base", 0.75, 1.0, 32, 48),
    "large": Case("l", 0.5, 0.25, 64, 64),
}


def rule(name: str, shape: tuple[int, ...]) -> Array:
    """Return the values of a parameter, computed from its name alone."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    x = draw.standard_normal(shape).astype(np.float32)
    if len(shape) == 4:
        fan = shape[0] * 4 if ".convblock.2." in name else int(np.prod(shape[1:]))
        return x / np.float32(np.sqrt(fan))
    if name.endswith("bias"):
        return np.float32(0.1) * x
    return np.float32(0.25) + np.float32(0.05) * x  # slopes


def main() -> None:
    import torch
    from ifrnet_torch import IfrNet

    draw = np.random.default_rng(SEED)
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, case in CASES.items():
        network = IfrNet(case.member)
        values = {key: torch.from_numpy(rule(key, tuple(value.shape))) for key, value in network.state_dict().items()}
        network.load_state_dict(values)
        pair = draw.integers(0, 256, (2, 1, 3, case.height, case.width), np.uint8)
        left, right = (torch.from_numpy(image / np.float32(255)) for image in pair)
        with torch.no_grad():
            made = network(left, right, case.t, case.flow_scale).numpy()
        arrays |= {f"{name}/input": pair, f"{name}/made": made}
    np.savez_compressed(sys.argv[1], **arrays)


if __name__ == "__main__":
    main()
