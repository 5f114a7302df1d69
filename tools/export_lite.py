"""Convert a checkpoint of ``train_lite.py`` to the safetensors file that is bundled with the program."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

RECIPE = (
    "DIS prior; stages begun at RIFE 4.25's; Laplacian pyramid L1 and local energy; AdamW, cosine; average of weights"
)
LICENCE = "Apache-2.0; the stages began at weights of RIFE 4.25, MIT, see LICENSE-RIFE.txt"


def export(checkpoint: Path, weights: Path, dtype: torch.dtype) -> dict[str, str]:
    """Write the averaged weights of ``checkpoint``, and return the metadata written with them."""
    state = torch.load(checkpoint, map_location="cpu")
    metadata = {
        "name": "lite",
        "recipe": RECIPE,
        "samples": str(state["samples"]),
        "hold_out_psnr": f"{state['hold_out']['mean']:.3f}",
        "licence": LICENCE,
    }
    tensors = {name: value.to(dtype).contiguous() for name, value in state["average"].items()}
    partial_file = weights.with_suffix(".partial")
    save_file(tensors, partial_file, metadata)
    partial_file.chmod(0o644)
    partial_file.replace(weights)
    return metadata


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("weights", type=Path, help="safetensors file to write")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    options = parser.parse_args()
    metadata = export(options.checkpoint, options.weights, getattr(torch, options.dtype))
    print(", ".join(f"{name} {value}" for name, value in metadata.items()))


if __name__ == "__main__":
    main()
