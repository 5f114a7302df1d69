"""Measure precision and recall of cut detection on pairs made from real clips.

Cuts are joined frames of different clips. Non-cuts are neighbours one to three frames apart, and neighbours under an
artificial flash, fade, cross-fade or whip pan. Joints of far-apart moments of one clip are shown but not counted: with
a resting camera they are the same scene, and motion explains much of them.

The same pairs can be shown with something that stands still around or over them: black bars, pillars, a still picture
around, or an overlay of text, a logo and a panel.

    python tools/cuts.py CLIPS [CLIPS ...] [--seed 0] [--bars 0.1 0.2 0.4] [--pillars 0.25] [--surround 0.5] [--overlay]
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
Scores = npt.NDArray[np.float64]

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
BLACK = 16


Layout = Callable[[Luma], Luma]  # a picture with something that stands still


def plain(luma: Luma) -> Luma:
    """The picture as it is."""
    return luma


def bars(share: float) -> Layout:
    """Black bars above and below, together ``share`` of the height."""

    def lay(luma: Luma) -> Luma:
        rows = _margin(luma.shape[0], share)
        return np.pad(luma, ((rows, rows), (0, 0)), constant_values=BLACK)

    return lay


def pillars(share: float) -> Layout:
    """Black bars on both sides, together ``share`` of the width."""

    def lay(luma: Luma) -> Luma:
        columns = _margin(luma.shape[1], share)
        return np.pad(luma, ((0, 0), (columns, columns)), constant_values=BLACK)

    return lay


def surround(share: float, still: Luma) -> Layout:
    """A still picture all around, which takes ``share`` of the width and of the height."""

    def lay(luma: Luma) -> Luma:
        rows, columns = (_margin(side, share) for side in luma.shape)
        height, width = luma.shape[0] + 2 * rows, luma.shape[1] + 2 * columns
        whole = cv2.resize(still, (width, height), interpolation=cv2.INTER_LINEAR)
        whole[rows : height - rows, columns : width - columns] = luma
        return whole

    return lay


def overlay(luma: Luma) -> Luma:
    """Two lines of text, a logo and a striped panel, as games and broadcasts have them."""
    shown = luma.copy()
    height, width = shown.shape
    cv2.rectangle(shown, (0, height * 5 // 6), (width, height), 40, cv2.FILLED)
    shown[height * 5 // 6 :, ::8] = 200
    cv2.circle(shown, (width * 7 // 8, height // 6), height // 12, 235, 3)
    for line, text in enumerate(("SCORE 0123  LEVEL 4", "00:12:57")):
        cv2.putText(shown, text, (8, 20 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 235, 2)
    return shown


def _margin(side: int, share: float) -> int:
    """What each of two margins has, that they take ``share`` of the whole."""
    return round(side * share / (1 - share) / 2)


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
    cuts, others = _counted(scores)
    lines = [f"{len(cuts)} cuts, {len(others)} others", "", f"{'threshold':12}{'recall':>10}{'precision':>12}"]
    for threshold in np.arange(0.70, 0.91, 0.02):
        recall, precision = _found(cuts, others, threshold)
        lines.append(f"{threshold:<12.2f}{recall:>10.3f}{precision:>12.3f}")
    lines += ["", f"{'called a cut at':16}{DEFAULT_CUT_THRESHOLD:.2f}"]
    for kind, values in scores.items():
        called = (np.array(values) > DEFAULT_CUT_THRESHOLD).sum()
        lines.append(f"{kind:16}{called:>6} of {len(values):>5}{called / len(values):>10.1%}")
    return "\n".join(lines)


def compare(scores: dict[str, dict[str, list[float]]]) -> str:
    """Recall and precision of each layout at the default threshold."""
    lines = [f"{'layout':16}{'recall':>10}{'precision':>12}"]
    for layout, by_kind in scores.items():
        recall, precision = _found(*_counted(by_kind), DEFAULT_CUT_THRESHOLD)
        lines.append(f"{layout:16}{recall:>10.3f}{precision:>12.3f}")
    return "\n".join(lines)


def _counted(scores: dict[str, list[float]]) -> tuple[Scores, Scores]:
    """Scores of cuts, and of what is none."""
    others = [scores[kind] for kind in scores if kind not in (CUT, UNCOUNTED)]
    return np.array(scores[CUT]), np.concatenate(others)


def _found(cuts: Scores, others: Scores, threshold: float) -> tuple[float, float]:
    """Recall and precision."""
    found, wrong = int((cuts > threshold).sum()), int((others > threshold).sum())
    return found / len(cuts), found / max(found + wrong, 1)


def layouts_of(arguments: argparse.Namespace, still: Luma) -> dict[str, Layout]:
    """What was asked for, by name; the plain picture first."""
    return {
        "plain": plain,
        **{f"bars {share:.0%}": bars(share) for share in arguments.bars},
        **{f"pillars {share:.0%}": pillars(share) for share in arguments.pillars},
        **{f"surround {share:.0%}": surround(share, still) for share in arguments.surround},
        **({"overlay": overlay} if arguments.overlay else {}),
    }


def main() -> None:
    """Measure on the clips of the folders and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="folders of .mp4 clips")
    parser.add_argument("--seed", type=int, default=0)
    for name in ("--bars", "--pillars", "--surround"):
        parser.add_argument(name, type=float, nargs="+", default=[], metavar="SHARE", help="of the side that they take")
    parser.add_argument("--overlay", action="store_true", help="text, a logo and a panel over the picture")
    arguments = parser.parse_args()
    shots = [read_shot(path) for folder in arguments.clips for path in sorted(folder.glob("*.mp4"))]
    shots = [shot for shot in shots if len(shot) > 3]
    if len(shots) < 2:
        sys.exit("At least two clips are needed.")
    layouts = layouts_of(arguments, shots[-1][0])
    scores: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in PAIRS_A_SHOT} for name in layouts}
    for kind, (left, right) in Pairs(shots, arguments.seed).all():
        for name, lay in layouts.items():
            scores[name][kind].append(cut_score(lay(left), lay(right)))
    for name, by_kind in scores.items():
        print(f"{name}: {report(by_kind)}\n")
    print(compare(scores))


if __name__ == "__main__":
    main()
