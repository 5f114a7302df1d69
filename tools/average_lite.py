"""Average checkpoints of ``train_lite.py`` that started from the same weights, and measure the result.

    python tools/average_lite.py HOLD_OUT_CLIPS runs/average.pt runs/one.pt runs/other.pt
    python tools/average_lite.py HOLD_OUT_CLIPS runs/average.pt weights/lite.safetensors runs/one.pt --shares 0.3 0.7

Runs that differ in their random draws and rates end in the same valley of the loss, and its middle is better than each
of them (Wortsman et al., "Model soups", ICML 2022). A part of the way from the start to a run keeps more of what the
start could do beyond the training clips (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from lite_torch import Lite
from train_lite import HoldOut, made_by, read_start


def average(checkpoints: list[Path], shares: list[float], hold_out: HoldOut) -> dict[str, object]:
    """Return a checkpoint with the weighted mean of the weights of ``checkpoints``, and its hold-out figures."""
    found, samples = zip(*map(read_start, checkpoints), strict=True)
    weights = {name: sum(s * one[name] for s, one in zip(shares, found, strict=True)) for name in found[0]}
    network = Lite()
    network.load_state_dict(weights)
    reached = hold_out.mean(made_by(network, torch.device("cpu")))
    return {"average": weights, "samples": max(samples), "hold_out": reached}


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hold_out", type=Path, help="folder of clips to measure on, never trained on")
    parser.add_argument("result", type=Path, help="checkpoint to write")
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--shares", type=float, nargs="+", help="share of each checkpoint; by default all are alike")
    options = parser.parse_args()
    shares = options.shares or [1 / len(options.checkpoints)] * len(options.checkpoints)
    state = average(options.checkpoints, shares, HoldOut(options.hold_out))
    torch.save(state, options.result)
    print(
        f"{state['samples']} samples", ", ".join(f"{name} {figure:.3f}" for name, figure in state["hold_out"].items())
    )


if __name__ == "__main__":
    main()
