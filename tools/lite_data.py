"""Pack the training data of the lite network: real triplets and synthetic motion, with their flows, in one folder.

A pack is three files: ``frames.u8`` (all frames, RGB, one after the other), ``flows.f16`` (eight planes per sample on a
grid of 4 x 4 pixels) and ``index.npz`` (the positions of each sample in them). It is written once and memory-mapped.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.flow import GRID, Neighbour, PairFlow, dis_flow, intermediate_flow, pair_flow
from ifrplus_cli.values import Image

Bytes = npt.NDArray[np.uint8]

SIZE_MULTIPLE = 16
SAMPLES = {  # per clip, so that long clips don't outweigh short ones, by frames from the made one to both known ones
    **dict.fromkeys(((1, 1), (2, 2), (3, 3)), 30),
    **dict.fromkeys(((4, 4), (5, 5)), 15),
    **dict.fromkeys(((1, 2), (2, 1), (1, 3), (3, 1)), 5),
}
STILL = 0.3  # mean motion in pixels below which a triplet teaches nothing
TRUST_OF_CUT = 0.25  # mean trust of the flow below which the ends show different scenes
ERROR_CELL = 32


@dataclass(frozen=True)
class Sample:
    """A triplet with its flows.

    Attributes:
        frames: left, middle, right, each (H, W, 3) uint8 RGB.
        t: timestep of the middle frame between left and right.
        flows: (8, H/4, W/4) float16 in pixels, from the middle frame to left and to right: first those of the prior,
            then those that DIS finds from the true middle frame.
        error: (H/32, W/32) float32, mean absolute error of the prior's blend in each cell: how hard it is.
    """

    frames: tuple[Bytes, Bytes, Bytes]
    t: float
    flows: npt.NDArray[np.float16]
    error: npt.NDArray[np.float32]


def decode(path: Path, limit: int | None = None) -> list[Bytes]:
    """Return the first ``limit`` frames of a clip as (H, W, 3) uint8 RGB."""
    capture = cv2.VideoCapture(str(path))
    frames: list[Bytes] = []
    while limit is None or len(frames) < limit:
        found, frame = capture.read()
        if not found:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def to_float(frame: Bytes) -> Image:
    return frame.astype(np.float32) / 255


def backward_warp(image: Image, flow: npt.NDArray[np.float32]) -> Image:
    """Sample (H, W, 3) ``image`` at p + flow; ``flow`` (H, W, 2) in pixels of the image, edges repeated."""
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def measure(
    frames: tuple[Bytes, Bytes, Bytes],
    t: float,
    flow: PairFlow,
    before: Neighbour | None = None,
    after: Neighbour | None = None,
) -> Sample:
    """Make a sample of a triplet whose ends have ``flow``."""
    first, made, last = (to_float(frame) for frame in frames)
    prior = intermediate_flow(flow, t, before, after)
    size = prior.shape[:0:-1]
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (first, made, last)]
    blend = (1 - t) * backward_warp(small[0], prior[:2].transpose(1, 2, 0) / GRID)
    blend += t * backward_warp(small[2], prior[2:].transpose(1, 2, 0) / GRID)
    cells = (made.shape[1] // ERROR_CELL, made.shape[0] // ERROR_CELL)
    error = cv2.resize(np.abs(blend - small[1]).mean(axis=2), cells, interpolation=cv2.INTER_AREA)
    teacher = np.concatenate([dis_flow(made, first), dis_flow(made, last)], axis=2)
    flows = np.concatenate([prior, teacher.transpose(2, 0, 1)])
    return Sample(frames, t, flows.astype(np.float16), error)


def teaches(flow: PairFlow) -> bool:
    """Return False for a still pair, and for a pair across a cut."""
    return bool(np.abs(flow.forward).mean() >= STILL and flow.forward_trust.mean() >= TRUST_OF_CUT)


def neighbour(flow_between: Callable[[int, int], PairFlow], first: int, last: int, count: int) -> Neighbour | None:
    """Return a pair of frames of a clip of ``count`` as a neighbour; None beyond the clip, and across a cut."""
    if first < 0 or last >= count:
        return None
    flow = flow_between(first, last)
    return Neighbour(flow, 1.0) if flow.forward_trust.mean() >= TRUST_OF_CUT else None


def real_samples(path: Path) -> tuple[list[Bytes], list[tuple[int, int, int]], list[Sample]]:
    """Return the frames of a clip, and its triplets as frame numbers with their samples."""
    frames = decode(path)
    if not frames:
        return [], [], []
    height, width = (side // SIZE_MULTIPLE * SIZE_MULTIPLE for side in frames[0].shape[:2])
    frames = [np.ascontiguousarray(frame[:height, :width]) for frame in frames]
    count = len(frames)
    flow_between = cache(lambda first, last: pair_flow(to_float(frames[first]), to_float(frames[last])))
    places, samples = [], []
    for (before, after), wanted in SAMPLES.items():
        length = before + after
        middles = np.arange(before, count - after)
        for middle in middles[:: max(1, -(-len(middles) // wanted))]:
            place = (int(middle - before), int(middle), int(middle + after))
            first, _, last = place
            flow = flow_between(first, last)
            if not teaches(flow):
                continue
            sides = [neighbour(flow_between, *ends, count) for ends in ((first - length, first), (last, last + length))]
            places.append(place)
            samples.append(measure(tuple(frames[number] for number in place), before / length, flow, *sides))
        flow_between.cache_clear()
    return frames, places, samples


def synthetic_sample(seed: int, stills: list[Bytes]) -> Sample | None:
    """Make layers from different frames, each moving by its own random similarity transform; exact at any t."""
    draw = np.random.default_rng(seed)
    height, width = 288, 352
    t = 0.5 if draw.random() < 0.7 else float(draw.choice([0.25, 1 / 3, 2 / 3, 0.75]))
    scene = [np.zeros((height, width, 3), np.float32) for _ in range(3)]
    for layer in range(int(draw.integers(2, 5))):
        picture = to_float(stills[int(draw.integers(len(stills)))])
        shape = _shape(draw, picture.shape[:2]) if layer else np.ones(picture.shape[:2], np.float32)
        start, motion = _placement(draw, picture.shape[:2], (height, width)), _motion(draw, bool(layer))
        for index, time in enumerate((0.0, t, 1.0)):
            matrix = _moved(start, motion, time)
            border = cv2.BORDER_CONSTANT if layer else cv2.BORDER_REFLECT_101
            colour = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=border)
            cover = cv2.warpAffine(shape, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border)[..., None]
            scene[index] = scene[index] * (1 - cover) + colour * cover
    left, middle, right = (np.clip(np.rint(image * 255), 0, 255).astype(np.uint8) for image in scene)
    flow = pair_flow(to_float(left), to_float(right))
    return measure((left, middle, right), t, flow) if teaches(flow) else None


def _shape(draw: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Draw a soft-edged blob, polygon or thin bar, 1 inside."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    centre = draw.uniform(0.3, 0.7, 2) * (width, height)
    kind = draw.random()
    if kind < 0.25:
        reach = draw.uniform(60, 200)
        angle = draw.uniform(0, np.pi)
        arm = reach * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(v) for v in centre + sign * arm) for sign in (-1, 1)]
        cv2.line(mask, ends[0], ends[1], 255, int(draw.integers(3, 14)), cv2.LINE_AA)
    else:
        corners = int(draw.integers(4, 12))
        angles = np.sort(draw.uniform(0, 2 * np.pi, corners))
        reaches = draw.uniform(25, 110, corners)
        points = centre + reaches[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
        if kind < 0.65:
            mask = cv2.threshold(cv2.GaussianBlur(mask, (0, 0), 6), 127, 255, cv2.THRESH_BINARY)[1]
    return cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32) / 255


def _placement(draw: np.random.Generator, source: tuple[int, int], target: tuple[int, int]) -> tuple[float, ...]:
    """Draw scale, angle, source centre (x, y) and target centre (x, y) of a layer at t = 0.5."""
    scale = float(draw.uniform(0.6, 1.1))
    angle = float(draw.normal(0, 0.3))
    middle = draw.uniform(0.4, 0.6, 2) * (source[1], source[0])
    goal = draw.uniform(0.25, 0.75, 2) * (target[1], target[0])
    return scale, angle, *middle, *goal


def _motion(draw: np.random.Generator, moving: bool) -> tuple[float, float, float, float]:
    """Draw shift (x, y), rotation and log scale over the whole pair."""
    length = float(np.exp(draw.uniform(np.log(1.0), np.log(60.0 if moving else 25.0))))
    angle = draw.uniform(0, 2 * np.pi)
    turn, growth = draw.normal(0, 0.06), draw.normal(0, 0.05)
    return length * float(np.cos(angle)), length * float(np.sin(angle)), float(turn), float(growth)


def _moved(start: tuple[float, ...], motion: tuple[float, ...], time: float) -> npt.NDArray[np.float64]:
    """Return the 2 x 3 matrix from a layer's picture to the scene at ``time``."""
    scale, angle, source_x, source_y, goal_x, goal_y = start
    shift_x, shift_y, turn, growth = motion
    offset = time - 0.5
    scale, angle = scale * np.exp(offset * growth), angle + offset * turn
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    goal = np.array([goal_x + offset * shift_x, goal_y + offset * shift_y])
    return np.column_stack([rotation, goal - rotation @ np.array([source_x, source_y])])


class PackWriter:
    """Appends frames and samples to a pack; ``close`` writes the index."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._frames = (folder / "frames.u8").open("wb")
        self._flows = (folder / "flows.f16").open("wb")
        self._rows: list[tuple[float, ...]] = []
        self._errors: list[npt.NDArray[np.float32]] = []

    def frame(self, frame: Bytes) -> int:
        """Store a frame, and return where it starts."""
        offset = self._frames.tell()
        self._frames.write(frame.tobytes())
        return offset

    def sample(self, sample: Sample, starts: tuple[int, int, int], synthetic: bool) -> None:
        height, width = sample.frames[0].shape[:2]
        flow_start = self._flows.tell() // 2
        self._flows.write(sample.flows.tobytes())
        self._rows.append((*starts, flow_start, height, width, sample.t, synthetic))
        self._errors.append(sample.error)

    def close(self) -> int:
        """Write the index, and return the number of samples."""
        self._frames.close()
        self._flows.close()
        columns = np.array(self._rows, np.float64).T
        partial_file = self._folder / "index.partial.npz"
        np.savez(
            partial_file,
            starts=columns[:3].T.astype(np.int64),
            flow_starts=columns[3].astype(np.int64),
            sizes=columns[4:6].T.astype(np.int64),
            t=columns[6].astype(np.float32),
            synthetic=columns[7].astype(bool),
            error_starts=np.cumsum([0] + [error.size for error in self._errors])[:-1],
            errors=np.concatenate([error.ravel() for error in self._errors]).astype(np.float32),
        )
        partial_file.rename(self._folder / "index.npz")
        return len(self._rows)


def _clips(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.mp4"))


def pack(clips: Path, folder: Path, synthetic: int, seed: int, workers: int) -> int:
    """Write the pack of all clips in ``clips`` and ``synthetic`` synthetic triplets; return the number of samples."""
    writer = PackWriter(folder)
    stills: list[Bytes] = []
    with ProcessPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for path, (frames, places, samples) in zip(_clips(clips), pool.map(real_samples, _clips(clips)), strict=True):
            starts = [writer.frame(frame) for frame in frames]
            for (left, middle, right), sample in zip(places, samples, strict=True):
                writer.sample(sample, (starts[left], starts[middle], starts[right]), synthetic=False)
            stills += frames[:: max(1, len(frames) // 6)]
            print(f"{path.name}: {len(frames)} frames, {len(samples)} samples", flush=True)
        made = pool.map(partial(synthetic_sample, stills=stills), range(seed, seed + synthetic), chunksize=50)
        for sample in made:
            if sample is not None:
                left, middle, right = (writer.frame(frame) for frame in sample.frames)
                writer.sample(sample, (left, middle, right), synthetic=True)
    return writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, help="folder of .mp4 clips to train on")
    parser.add_argument("pack", type=Path, help="folder to write")
    parser.add_argument("--synthetic", type=int, default=1000, help="synthetic triplets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    count = pack(options.clips, options.pack, options.synthetic, options.seed, options.workers)
    print(f"{count} samples")


if __name__ == "__main__":
    main()
