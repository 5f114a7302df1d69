"""Make ``tests/models/ifrplus_golden.npz``: outputs of the IFR+ network for weights that anyone can generate again.

Before the network made them, it was compared with outputs that had been computed elsewhere.

    PYTHONPATH=. python tools/make_ifrplus_golden.py tests/models/ifrplus_golden.npz
"""

from __future__ import annotations

import sys
import zlib

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
SEED = 2026
# Flow scale, refiner scale, height, width.
CASES = {"full": (1.0, 1.0, 64, 48), "half": (0.5, 0.5, 64, 32)}


def rule(name: str, shape: tuple[int, ...]) -> Array:
    """Return the values of a parameter, computed from its name alone."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    x = draw.standard_normal(shape).astype(np.float32)
    if len(shape) == 4:
        fan = shape[0] * 4 if ".upsample." in name else int(np.prod(shape[1:]))
        return x / np.float32(np.sqrt(fan))
    if name.endswith("bias"):
        return np.float32(0.1) * x
    if ".grn." in name:
        return np.float32(0.2) * x
    if any(part in name for part in (".norm.", ".downsample.0.", ".stem.1.")):
        return 1 + np.float32(0.1) * x
    return np.float32(0.25) + np.float32(0.05) * x  # slopes


def main() -> None:
    import mindspore as ms

    from ifrplus_cli.models.ifrplus import IfrPlus

    ms.set_device("CPU")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    draw = np.random.default_rng(SEED)
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for case, (flow_scale, refiner_scale, height, width) in CASES.items():
        network = IfrPlus(flow_scale, refiner_scale)
        for name, parameter in network.parameters_and_names():
            parameter.set_data(ms.Tensor(rule(name, parameter.shape)))
        pair = draw.integers(0, 256, (2, 1, 3, height, width), np.uint8)
        raw, flows = network.generator(*(ms.Tensor(image / np.float32(255)) for image in pair))
        arrays |= {f"{case}/input": pair, f"{case}/raw": raw.asnumpy()}
        arrays |= {f"{case}/flow{level}": flow.asnumpy() for level, flow in enumerate(flows, 1)}
    np.savez_compressed(sys.argv[1], **arrays)


if __name__ == "__main__":
    main()
