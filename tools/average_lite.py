"""Average checkpoints of ``train_lite.py`` that started from the same weights, and measure the result.

    python tools/average_lite.py HOLD_OUT_CLIPS runs/average.pt runs/one.pt runs/other.pt

Runs that differ in their random draws and rates end in the same valley of the loss, and its middle is better than each
of them (Wortsman et al., "Model soups", ICML 2022).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from lite_torch import Lite
from train_lite import HoldOut, made_by


def average(checkpoints: list[Path], hold_out: HoldOut) -> dict[str, object]:
    """Return a checkpoint with the mean of the averaged weights of ``checkpoints``, and its hold-out figures."""
    states = [torch.load(path, map_location="cpu") for path in checkpoints]
    weights = {name: sum(state["average"][name] for state in states) / len(states) for name in states[0]["average"]}
    network = Lite()
    network.load_state_dict(weights)
    reached = hold_out.mean(made_by(network, torch.device("cpu")))
    return {"average": weights, "samples": max(state["samples"] for state in states), "hold_out": reached}


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hold_out", type=Path, help="folder of clips to measure on, never trained on")
    parser.add_argument("result", type=Path, help="checkpoint to write")
    parser.add_argument("checkpoints", type=Path, nargs="+")
    options = parser.parse_args()
    state = average(options.checkpoints, HoldOut(options.hold_out))
    torch.save(state, options.result)
    print(
        f"{state['samples']} samples", ", ".join(f"{name} {figure:.3f}" for name, figure in state["hold_out"].items())
    )


if __name__ == "__main__":
    main()
