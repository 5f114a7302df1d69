"""Convert a .pth file of IFRNet's authors to the safetensors file that the program reads.

    PYTHONPATH=. python tools/convert_ifrnet.py ifrnet-s IFRNet_S_Vimeo90K.pth weights/ifrnet-s.safetensors

PyTorch is told to load numbers only, so the file can't run anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ifrplus_cli.files import sha256_of
from ifrplus_cli.models.ifrnet_family import shapes, widths_of
from ifrplus_cli.weights.manifest import MANIFEST
from ifrplus_cli.weights.reading import check_names, write_weights


def convert(name: str, source: Path, target: Path) -> None:
    """Convert the file; raise ``ModelError`` if it does not belong to this network."""
    state = torch.load(source, map_location="cpu", weights_only=True)
    values = {key.removeprefix("module."): value.float().contiguous().numpy() for key, value in state.items()}
    check_names({key: value.shape for key, value in values.items()}, shapes(widths_of(name)), source)
    card = {"name": name, "source": source.name, "source_sha256": sha256_of(source), "licence": MANIFEST[name].licence}
    write_weights(values, target, card)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[name for name, entry in MANIFEST.items() if entry.archive])
    parser.add_argument("source", type=Path, help=".pth file")
    parser.add_argument("target", type=Path, help="safetensors file to write")
    options = parser.parse_args()
    convert(options.name, options.source, options.target)


if __name__ == "__main__":
    main()
