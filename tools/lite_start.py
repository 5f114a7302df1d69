"""Convert RIFE 4.25's published weights to a start for ``lite``, whose stages have the shapes of its blocks.

    python tools/lite_start.py FLOWNET_PKL START.safetensors

RIFE (Huang et al., "Real-Time Intermediate Flow Estimation for Video Frame Interpolation", ECCV 2022; MIT licence)
starts without flow; here its blocks start from the classical flow, so that of the first one only mask and features are
used. It warps at full size; here everything is done at the size that a block sees.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from lite_torch import Lite
from safetensors.torch import save_file
from torch import Tensor

STAGES = {"overview": 0, "at_eighth": 1, "at_quarter": 2, "at_half": 3}
STEEP = 4.0  # the fine band's mask, in the coarse one's: choosing a side keeps detail
STAY_FROM, STAY_BY = -3.5, 10.0  # what stays: bias, and weight of the likeness of what is around


def converted(rife: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters of ``Lite`` from those of RIFE."""
    made = {}
    for ours, theirs in (("encode_half", "cnn0"), ("encode_one", "cnn1"), ("encode_two", "cnn2")):
        for kind in ("weight", "bias"):
            made[f"{ours}.{kind}"] = rife[f"encode.{theirs}.{kind}"]
    made["encode_out.weight"] = halved(rife["encode.cnn3.weight"])
    made["encode_out.bias"] = rife["encode.cnn3.bias"]
    for stage, number in STAGES.items():
        made |= {f"{stage}.{name}": value for name, value in converted_block(rife, f"block{number}").items()}
    up = made["overview.up.weight"], made["overview.up.bias"]
    made["overview.up.weight"], made["overview.up.bias"] = without_flow(*up)
    return made


def converted_block(rife: dict[str, Tensor], block: str) -> dict[str, Tensor]:
    """Return the parameters of a ``Stage``; the factor of each residual layer becomes part of its convolution."""
    made = {}
    for kind in ("weight", "bias"):
        made[f"down_one.{kind}"] = rife[f"{block}.conv0.0.0.{kind}"]
        made[f"down_two.{kind}"] = rife[f"{block}.conv0.1.0.{kind}"]
        made[f"up.{kind}"] = rife[f"{block}.lastconv.0.{kind}"]
    for number in range(8):
        factor = rife[f"{block}.convblock.{number}.beta"].flatten()
        made[f"layers.{number}.weight"] = rife[f"{block}.convblock.{number}.conv.weight"] * factor.view(-1, 1, 1, 1)
        made[f"layers.{number}.bias"] = rife[f"{block}.convblock.{number}.conv.bias"] * factor
    return made


def halved(weight: Tensor) -> Tensor:
    """Return the 3x3 convolution that equals a transposed one, 4x4 by 2, and the mean of each 2x2 of its result."""
    rows = torch.stack([weight[..., 3, :], weight[..., 1, :] + weight[..., 2, :], weight[..., 0, :]], -2)
    taps = torch.stack([rows[..., 3], rows[..., 1] + rows[..., 2], rows[..., 0]], -1)
    return taps.transpose(0, 1).contiguous() / 4


def without_flow(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Leave out the outputs of flow: the first four of 13 channels, each of four pixels."""
    return weight[:, 16:].contiguous(), bias[16:].contiguous()


def start(rife: dict[str, Tensor]) -> Lite:
    """Return a network with RIFE's weights; the layers that choose begin at its mask."""
    torch.manual_seed(0)
    network = Lite()
    for layer in (network.choose_one, network.choose_two):
        torch.nn.init.kaiming_normal_(layer.weight, a=0.2)
        torch.nn.init.zeros_(layer.bias)
    out = network.choose_out
    torch.nn.init.zeros_(out.weight)
    torch.nn.init.zeros_(out.bias)
    with torch.no_grad():
        out.weight[0, -2, 1, 1], out.weight[1, -2, 1, 1] = 1, STEEP
        out.weight[2, -1, 1, 1], out.bias[2] = STAY_BY, STAY_FROM
    missing = network.load_state_dict(converted(rife), strict=False)
    assert not missing.unexpected_keys and all(name.startswith("choose") for name in missing.missing_keys)
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rife", type=Path, help="flownet.pkl of RIFE 4.25")
    parser.add_argument("start", type=Path, help="file to write")
    options = parser.parse_args()
    stored = torch.load(options.rife, map_location="cpu", weights_only=True)
    network = start({name.removeprefix("module."): value for name, value in stored.items()})
    save_file(network.state_dict(), options.start, {"samples": "0"})
    print(f"{sum(value.numel() for value in network.state_dict().values())} parameters")


if __name__ == "__main__":
    main()
