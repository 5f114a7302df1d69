"""Measure how made pictures look beside true ones; ``holdout.py`` prints these figures."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.detail import detail_of
from ifrplus_cli.frames.haarpsi import haarpsi
from ifrplus_cli.frames.metrics import psnr

Picture = npt.NDArray[np.uint8]  # H x W x 3, RGB


@dataclass(frozen=True)
class Looks:
    """Figures of one made picture, or means over several.

    Attributes:
        psnr: of RGB, in decibels.
        detail: of luma, made / true; 1 is as sharp as the truth.
        chroma: the same of both colour differences; far above ``detail`` it is coloured noise.
        haarpsi: likeness of structure, 0 to 1.
    """

    psnr: float
    detail: float
    chroma: float
    haarpsi: float


def looks_of(made: Picture, true: Picture) -> Looks:
    """Compare one made picture with the true one."""
    detail = detail_of(made).share_of(detail_of(true))
    return Looks(psnr(made, true), detail.luma, detail.chroma, haarpsi(made, true))


def mean_looks(looks: Sequence[Looks]) -> Looks:
    """Return the mean of each figure."""
    return Looks(**{name: fmean(getattr(one, name) for one in looks) for name in Looks.__dataclass_fields__})


def vmaf_of(made: Sequence[Picture], true: Sequence[Picture], ffmpeg: str) -> float:
    """Return the mean VMAF of a film of made pictures beside one of the true ones.

    Args:
        ffmpeg: a program that has the filter libvmaf.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, pictures in (("made", made), ("true", true)):
            _store(pictures, Path(folder, f"{name}.mkv"), ffmpeg)
        measure = ("-lavfi", "libvmaf=log_fmt=json:log_path=vmaf.json", "-f", "null", "-")
        _run([ffmpeg, "-v", "error", "-i", "made.mkv", "-i", "true.mkv", *measure], folder=folder)
        frames = json.loads(Path(folder, "vmaf.json").read_text("utf-8"))["frames"]
    return fmean(frame["metrics"]["vmaf"] for frame in frames)


def _store(pictures: Sequence[Picture], path: Path, ffmpeg: str) -> None:
    """Store pictures without further loss as YUV 4:2:0, which VMAF was made for."""
    height, width = pictures[0].shape[:2]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25", "-i", "-")
    flags = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    converted = ("-vf", f"scale=out_color_matrix=bt709:flags={flags},format=yuv420p", "-c:v", "ffv1")
    _run([ffmpeg, "-v", "error", "-y", *raw, *converted, str(path)], b"".join(p.tobytes() for p in pictures))


def _run(command: list[str], data: bytes | None = None, folder: str | None = None) -> None:
    done = subprocess.run(command, input=data, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr.decode(errors='replace')[-2000:]}")
