"""Compare the figures of ``ifrplus eval`` with scikit-image's, on pictures that ``ifrplus upsample`` makes.

The outer pictures of every ``--every``-th triplet are upsampled as two images, and the middle picture of the result is
compared with the true one. Needs scikit-image in addition to the package.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
PROGRAM = (sys.executable, "-m", "ifrplus_cli")


def told(dataset: Path, model: str, work: Path) -> dict[str, dict[str, str]]:
    """Return the figures that ``ifrplus eval`` reports for each triplet, by name."""
    table = work / "figures.csv"
    _run(*PROGRAM, "eval", dataset, "--model", model, "--csv", table)
    with table.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def middle(triplet: Path, model: str, work: Path) -> npt.NDArray[np.uint8]:
    """Return the picture that ``ifrplus upsample`` makes between the outer ones of a triplet."""
    ends, made = work / "ends", work / "made"
    for folder in (ends, made):
        shutil.rmtree(folder, ignore_errors=True)
    ends.mkdir()
    for number, name in enumerate(("im1.png", "im3.png")):
        shutil.copy(triplet / name, ends / f"{number}.png")
    options = ("--input-fps", "25", "--factor", "2", "--model", model, "--no-cuts", "-q")
    _run(*PROGRAM, "upsample", ends, f"{made}/", *options)
    return _read(sorted(made.glob("*.png"))[1])


def _read(path: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])


def _run(*command: object) -> None:
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path, help="in Vimeo-90K's layout, such as vimeo_folder.py makes")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--every", type=int, default=5, help="use every N-th triplet")
    given = parser.parse_args()
    differences: dict[str, list[float]] = {"psnr": [], "ssim_channels": [], "blend_psnr": []}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        figures = told(given.dataset, given.model, work)
        for name in list(figures)[:: given.every]:
            triplet = given.dataset / "sequences" / name
            left, true, right = (_read(triplet / f"im{place}.png") for place in (1, 2, 3))
            made = middle(triplet, given.model, work)
            halves = ((end / np.float32(255)) * np.float32(0.5) for end in (left, right))
            blend = np.rint(sum(halves) * np.float32(255)).astype(np.uint8)
            found = {
                "psnr": peak_signal_noise_ratio(true, made),
                "ssim_channels": structural_similarity(true, made, channel_axis=-1, **WINDOW),
                "blend_psnr": peak_signal_noise_ratio(true, blend),
            }
            for figure, value in found.items():
                differences[figure].append(abs(value - float(figures[name][figure])))
            print(name, *(f"{figure} {value:.6f} ({figures[name][figure]})" for figure, value in found.items()))
    count = len(differences["psnr"])
    for figure, values in differences.items():
        print(f"{figure}: largest difference of {count} triplets {max(values):.2e}")


if __name__ == "__main__":
    main()
