"""Folders of three pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_triplet(folder: Path, *sizes: tuple[int, int], suffix: str = "png") -> None:
    """Three noisy pictures of (height, width)."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes, 1):
        noise = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        cv2.imwrite(str(folder / f"im{number}.{suffix}"), noise)
