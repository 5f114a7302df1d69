"""Overfit lite to a few triplets: check that losses, gradients and updates can bring the loss down at all.

Every step uses the same middle part of each picture, without augmentation.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from ifrplus_cli.training.augment import Augmentation
from ifrplus_cli.training.recipe import RECIPES, LossWeights
from ifrplus_cli.training.run import TABLE, TrainingProgress, TrainOptions, train_network

SHOWN_EVERY = 100  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("triplets", type=Path, help="a data set with a few triplets, such as vimeo_folder.py makes")
    parser.add_argument("out", type=Path, help="folder for weights and curves; must not exist yet")
    parser.add_argument("--batch", type=int, default=8, help="with the number of triplets every step is the same")
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--loss", choices=("laplacian", "charbonnier", "frequency"), default="laplacian")
    parser.add_argument("--rate", type=float, default=1e-3)
    given = parser.parse_args()
    recipe = replace(
        RECIPES["small"],
        batch=given.batch,
        crop=given.crop,
        steps=given.steps,
        minutes=None,
        rate=given.rate,
        weight_decay=0.0,
        losses=LossWeights(**{given.loss: 1.0}),
        augmentation=Augmentation.none(),
        validate_every=given.steps,
    )
    options = TrainOptions("lite", recipe, given.out, triplets=given.triplets, validate=given.triplets, device="CPU")
    train_network(options, _show)
    with (given.out / TABLE).open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]
    first, last = losses[0], fmean(losses[-10:])
    print(f"Loss {first:.5f} in the first step, {last:.5f} in the last ten: {first / last:.1f} times less.")


def _show(progress: TrainingProgress) -> None:
    if progress.step % SHOWN_EVERY == 0:
        sys.stderr.write(f"step {progress.step}: loss {progress.loss:.5f}, {progress.seconds:.0f} s\n")


if __name__ == "__main__":
    main()
