"""Measure precision and recall of cut detection on pairs made from real clips.

Cuts are joined frames of different clips. Non-cuts are neighbours one to three frames apart, and neighbours under an
artificial flash, fade, cross-fade or whip pan. Joints of far-apart moments of one clip are shown but not counted: with
a resting camera they are the same scene, and motion explains much of them.

    python tools/cuts.py CLIPS [CLIPS ...] [--seed 0]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.pairing import DEFAULT_CUT_THRESHOLD, cut_score

Luma = npt.NDArray[np.uint8]  # HEIGHT x WIDTH
Shot = npt.NDArray[np.uint8]  # N x HEIGHT x WIDTH
LumaPair = tuple[Luma, Luma]

WIDTH, HEIGHT, FRAMES = 320, 180, 64
FAR_APART = 45
PAIRS_A_SHOT = {
    "joint": 8,
    "far apart": 3,
    "1 apart": 12,
    "2 apart": 12,
    "3 apart": 12,
    "flash": 4,
    "fade": 2,
    "cross-fade": 2,
    "whip pan": 2,
}
CUT, UNCOUNTED = "joint", "far apart"


class Pairs:
    """Draws random pairs of each kind from shots."""

    def __init__(self, shots: list[Shot], seed: int) -> None:
        self.shots = shots
        self.random = np.random.default_rng(seed)
        self.makers: dict[str, Callable[[int], LumaPair]] = {
            "joint": self.joint,
            "far apart": self.far_apart,
            "1 apart": lambda shot: self.neighbours(shot, 1),
            "2 apart": lambda shot: self.neighbours(shot, 2),
            "3 apart": lambda shot: self.neighbours(shot, 3),
            "flash": self.flash,
            "fade": self.fade,
            "cross-fade": self.cross_fade,
            "whip pan": self.whip_pan,
        }

    def all(self) -> Iterator[tuple[str, LumaPair]]:
        """Yield every kind of pair from every shot."""
        for shot in range(len(self.shots)):
            for kind, count in PAIRS_A_SHOT.items():
                if kind == "far apart" and len(self.shots[shot]) < FAR_APART:
                    continue
                for _ in range(count):
                    yield kind, self.makers[kind](shot)

    def joint(self, shot: int) -> LumaPair:
        """A frame of this shot and a frame of another shot."""
        return self._any(shot), self._any(self._other(shot))

    def far_apart(self, shot: int) -> LumaPair:
        """Two moments of this shot, one near its start and one near its end."""
        frames = self.shots[shot]
        index = int(self.random.integers(5))
        return frames[index], frames[-1 - index]

    def neighbours(self, shot: int, step: int) -> LumaPair:
        """Two frames ``step`` apart."""
        frames = self.shots[shot]
        index = int(self.random.integers(len(frames) - step))
        return frames[index], frames[index + step]

    def flash(self, shot: int) -> LumaPair:
        """Two neighbours, one of them much brighter and partly saturated."""
        left, right = self.neighbours(shot, 1)
        gain, offset = self.random.uniform(1.4, 4), self.random.uniform(0, 60)
        bright = cv2.convertScaleAbs(right, alpha=gain, beta=offset)
        return (left, bright) if self.random.random() < 0.5 else (bright, left)

    def fade(self, shot: int) -> LumaPair:
        """A step of a fade to black, over 5 to 25 frames."""
        left, right = self.neighbours(shot, 1)
        light, step = self.random.uniform(0.05, 1), self.random.uniform(1 / 25, 1 / 5)
        return cv2.convertScaleAbs(left, alpha=light), cv2.convertScaleAbs(right, alpha=max(light - step, 0))

    def cross_fade(self, shot: int) -> LumaPair:
        """A step of a dissolve to another shot, over 6 to 25 frames."""
        left, right = self.neighbours(shot, 1)
        next_left, next_right = self.neighbours(self._other(shot), 1)
        share, step = self.random.uniform(0, 0.9), self.random.uniform(1 / 25, 1 / 6)
        later = min(share + step, 1)
        return (
            cv2.addWeighted(left, 1 - share, next_left, share, 0),
            cv2.addWeighted(right, 1 - later, next_right, later, 0),
        )

    def whip_pan(self, shot: int) -> LumaPair:
        """Neighbours seen through a window that moves by 4 % to 21 % of the width, mostly with its motion blur."""
        shift = int(self.random.uniform(0.035, 0.21) * WIDTH)
        left, right = self.neighbours(shot, 1)
        if self.random.random() < 0.7:
            left, right = (cv2.blur(luma, (max(shift // 2, 1), 1)) for luma in (left, right))
        windows = left[:, :-shift], right[:, shift:]
        return windows if self.random.random() < 0.5 else windows[::-1]

    def _any(self, shot: int) -> Luma:
        return self.random.choice(self.shots[shot])

    def _other(self, shot: int) -> int:
        return (shot + int(self.random.integers(1, len(self.shots)))) % len(self.shots)


def read_shot(path: Path) -> Shot:
    """Return the luma of a clip's first frames, reduced in size."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-frames:v", str(FRAMES)]
    command += ["-vf", f"scale={WIDTH}:{HEIGHT}:flags=area", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH)


def report(scores: dict[str, list[float]]) -> str:
    """Format recall and precision by threshold, then the share of each kind that the default threshold calls a cut."""
    cuts = np.array(scores[CUT])
    others = np.concatenate([scores[kind] for kind in scores if kind not in (CUT, UNCOUNTED)])
    lines = [f"{len(cuts)} cuts, {len(others)} others", "", f"{'threshold':12}{'recall':>10}{'precision':>12}"]
    for threshold in np.arange(0.70, 0.91, 0.02):
        found, wrong = (cuts > threshold).sum(), (others > threshold).sum()
        lines.append(f"{threshold:<12.2f}{found / len(cuts):>10.3f}{found / max(found + wrong, 1):>12.3f}")
    lines += ["", f"{'called a cut at':16}{DEFAULT_CUT_THRESHOLD:.2f}"]
    for kind, values in scores.items():
        called = (np.array(values) > DEFAULT_CUT_THRESHOLD).sum()
        lines.append(f"{kind:16}{called:>6} of {len(values):>5}{called / len(values):>10.1%}")
    return "\n".join(lines)


def main() -> None:
    """Measure on the clips of the folders and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="folders of .mp4 clips")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    shots = [read_shot(path) for folder in arguments.clips for path in sorted(folder.glob("*.mp4"))]
    shots = [shot for shot in shots if len(shot) > 3]
    if len(shots) < 2:
        sys.exit("At least two clips are needed.")
    scores: dict[str, list[float]] = {kind: [] for kind in PAIRS_A_SHOT}
    for kind, (left, right) in Pairs(shots, arguments.seed).all():
        scores[kind].append(cut_score(left, right))
    print(report(scores))


if __name__ == "__main__":
    main()
