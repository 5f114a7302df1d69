"""Make the pictures between two pictures: load a network, pad, tile, batch, and run it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import ModelError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.frames.doubt import Doubt, doubt_about
from ifrplus_cli.frames.flow import GRID, Neighbour, PairFlow, Paths, find_paths, pair_flow
from ifrplus_cli.frames.merge import merge, still_parts
from ifrplus_cli.frames.motion_box import Box, moves, moving_box
from ifrplus_cli.network.bisection import make_by_halving
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.network.engine import MINDSPORE
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.engine_onnx import OnnxNetwork
from ifrplus_cli.network.plan import NetworkPlan, pairs_at_once
from ifrplus_cli.network.tiling import TilePlan
from ifrplus_cli.values import HALF, Frame, Image, Pair
from ifrplus_cli.weights.manifest import MANIFEST, find_weights

Batch = npt.NDArray[np.float32]


class Network(Protocol):
    """A network on its device, as a function of numpy arrays."""

    def __call__(self, *arrays: Batch) -> Batch:
        """Take the arrays that ``ModelSpec.inputs`` names, in that order, and return (N, 3, H, W) or parts."""
        ...


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, ready to run."""

    plan: NetworkPlan
    network: Network
    weights_path: Path
    weights_sha256: str
    at_once: int = 1  # pairs that it may be given at the same time, each in its own thread


def load_model(plan: NetworkPlan, weights: Path | None = None, *, at_once: int = 1) -> LoadedModel:
    """Build a network and load its weights; the device must have been chosen before.

    Args:
        plan: how the network is run.
        weights: a file of its weights; by default the one found in the weights folders.
        at_once: number of pairs that it will be given at the same time.

    Raises:
        ModelError: if weights are missing or do not fit.
    """
    path = weights or find_weights(plan.spec.weights)
    if path is None or not path.is_file():
        name = plan.spec.weights
        remedy = "install the program again" if MANIFEST[name].comes_along else f"run ifrplus download-weights {name}"
        raise ModelError(f"The weights {path or name} were not found.", f"Give their file with --weights, or {remedy}.")
    return LoadedModel(plan, _run_by(plan, path, at_once), path, sha256_of(path), at_once)


def load_for_run(plan: NetworkPlan, weights: Path | None = None) -> LoadedModel:
    """Load a network as ``load_model`` does, for many pairs of a film, with the best number of pairs at once."""
    return load_model(plan, weights, at_once=pairs_at_once(plan))


def _run_by(plan: NetworkPlan, weights: Path, at_once: int) -> Network:
    """Load the network in the engine that was chosen for it."""
    if plan.engine == MINDSPORE:
        build = plan.spec.build_parts if plan.leaves_merging and plan.spec.build_parts else plan.spec.build
        name = f"{plan.spec.name} {plan.scales} {plan.precision} {build.__name__}"
        return MindSporeNetwork(build(plan.scales, plan.precision), weights, name)
    shape = (plan.batch, *plan.tiles.tile_size)
    threads = this_machine().cores() // at_once
    provider, number, parts = plan.engine.provider, plan.device.number, plan.leaves_merging
    return OnnxNetwork(plan.spec, shape, provider, number, weights, plan.scales, threads, parts, plan.precision)


@dataclass(frozen=True)
class OuterFrame:
    """The frame before or after a pair, which shows how motion changes.

    Attributes:
        image: of the same size as the pair's images.
        distance: time to the nearer frame of the pair, in lengths of the pair.
    """

    image: Image
    distance: Fraction = Fraction(1)


@dataclass(frozen=True)
class Surroundings:
    """The frames around a pair, if they show the same scene in motion."""

    before: OuterFrame | None = None
    after: OuterFrame | None = None


ALONE = Surroundings()
DOUBT_SCALE = (
    1 / 2
)  # largest size, relative to the picture, of a flow that only doubt needs; its thresholds were set so
FRAMES_SEEN = 4  # source frames on which a made frame depends: its pair and one on either side


def surroundings(before: Pair | None, pair: Pair, after: Pair | None, rgb: Callable[[Frame], Image]) -> Surroundings:
    """Return the outer frames of a pair's neighbours."""
    return Surroundings(
        OuterFrame(rgb(before.left), before.length / pair.length) if before else None,
        OuterFrame(rgb(after.right), after.length / pair.length) if after else None,
    )


@dataclass(frozen=True)
class Motion:
    """What is known of a pair before a network sees it.

    Attributes:
        left, right: float32 H x W x 3 RGB.
        box: around what moves; None if nothing does.
        paths: paths of the points of the padded pictures; None if the network needs none, or nothing moves.
    """

    left: Image
    right: Image
    box: Box | None
    paths: Paths | None


@dataclass(frozen=True)
class MadeFrame:
    """A made frame.

    Attributes:
        image: float32 H x W x 3 RGB, not clipped.
        doubt: doubt about it; None if it is not estimated, or nothing moves.
    """

    image: Image
    doubt: Doubt | None = None


class Interpolator:
    """Make frames between two frames of one size, and leave alone what does not move.

    There are two steps: ``look`` finds the motion, in one thread, and ``make`` makes the frames, in as many threads as
    the model allows. The flow of a pair is computed once, even if the pair is later the neighbour of the next one:
    images are recognised by object identity, and must not be changed.
    """

    def __init__(self, model: LoadedModel, *, doubt: bool = False) -> None:
        """
        Args:
            model: the loaded network.
            doubt: estimate doubt about made frames, for a report; the frames stay the same.
        """
        self.plan, self.network = model.plan, model.network
        self.doubt = doubt
        self._flows: deque[tuple[Image, Image, PairFlow]] = deque(maxlen=3)  # of a pair and its neighbours

    @property
    def looks_around(self) -> bool:
        """Whether the frames around a pair make a difference."""
        return self.plan.spec.uses_prior

    def __call__(
        self, left: Image, right: Image, timesteps: Sequence[Fraction], around: Surroundings = ALONE
    ) -> list[Image]:
        """Run both steps, one after the other, and return the images."""
        return [frame.image for frame in self.make(self.look(left, right, around), timesteps)]

    def look(self, left: Image, right: Image, around: Surroundings = ALONE) -> Motion:
        """Find what moves between two frames.

        Args:
            left, right: float32 H x W x 3 RGB.
            around: the frames before and after the pair.
        """
        box = moving_box(left, right)
        wanted = box is not None and (self.looks_around or self.doubt)
        return Motion(left, right, box, self.paths(left, right, around) if wanted else None)

    def make(self, motion: Motion, timesteps: Sequence[Fraction]) -> list[MadeFrame]:
        """Make frames between two frames, one for each timestep.

        Args:
            motion: what ``look`` has found.
            timesteps: in (0, 1).
        """
        if self.plan.spec.any_timestep:
            return self._made(motion, timesteps)
        made: list[MadeFrame] = []  # all that are made on the way, not only the requested ones

        def midpoint(left: Image, right: Image) -> Image:
            known = left is motion.left and right is motion.right
            made.extend(self._made(motion if known else self.look(left, right), [HALF]))
            return made[-1].image

        images = make_by_halving(motion.left, motion.right, timesteps, midpoint)
        return [next((frame for frame in made if frame.image is image), MadeFrame(image)) for image in images]

    def _made(self, motion: Motion, timesteps: Sequence[Fraction]) -> list[MadeFrame]:
        """Make frames at timesteps that the network supports; where both frames are equal, mix them."""
        left, right, box = motion.left, motion.right, motion.box
        if box is None:
            return [MadeFrame(_mixed(left, right, t)) for t in timesteps]
        tiles = self.plan.tiles_of(box.size)
        if tiles is self.plan.tiles:
            box = Box(0, 0, *left.shape[:2])
        shared = {"left": _split(tiles, box.cut(left)), "right": _split(tiles, box.cut(right))}
        made = []
        for t in timesteps:
            inputs = {**shared, "t": np.full((tiles.count, 1, 1, 1), float(t), np.float32)}
            prior = motion.paths.at(float(t)) if motion.paths else None
            if prior is not None:
                inputs["prior"] = tiles.split(_cut_prior(prior, box, tiles), channels_first=True, scale=GRID)
            filled = _interleaved(self._fill(inputs))
            if self.plan.leaves_merging:
                part = merge(box.cut(left), box.cut(right), tiles.shrunk(2).merge(filled), float(t))
            else:
                part = tiles.merge(filled)
            whole = part if part.shape == left.shape else box.put(part, _mixed(left, right, t))
            doubt = doubt_about(left, right, whole, prior) if self.doubt and prior is not None else None
            made.append(MadeFrame(whole, doubt))
        return made

    def paths(self, left: Image, right: Image, around: Surroundings = ALONE) -> Paths:
        """Return the paths between both frames of their points, padded."""
        before, after = around.before, around.after
        earlier = Neighbour(self._flow(before.image, left), float(before.distance)) if before else None
        flow = self._flow(left, right)
        later = Neighbour(self._flow(right, after.image), float(after.distance)) if after else None
        return find_paths(flow, earlier, later)

    def _flow(self, left: Image, right: Image) -> PairFlow:
        for known_left, known_right, flow in list(self._flows):  # a copy, because ``make`` may search, too
            if known_left is left and known_right is right:
                return flow
        scale = self.plan.scales.flow if self.looks_around else min(self.plan.scales.flow, DOUBT_SCALE)
        flow = pair_flow(self._padded(left), self._padded(right), scale)
        self._flows.append((left, right, flow))
        return flow

    def _padded(self, image: Image) -> Image:
        height, width = self.plan.tiles.padded_size
        if image.shape[:2] == (height, width):
            return image
        missing = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
        return np.pad(image, missing, mode="edge")

    def _fill(self, inputs: Mapping[str, Batch]) -> Batch:
        """Make all tiles, (N, 3, h, w): those that move with the network, the others by mixing."""
        left, right = inputs["left"], inputs["right"]
        # A single tile contains what moves.
        moving = [number for number in range(len(left)) if len(left) == 1 or moves(left[number], right[number])]
        if len(moving) == len(left):
            return self._run([inputs[name] for name in self.plan.spec.inputs])
        filled = self._unmoved(left)
        filled[moving] = self._run([inputs[name][moving] for name in self.plan.spec.inputs])
        return filled

    def _unmoved(self, left: Batch) -> Batch:
        """Return what the network would make of tiles in which nothing moves."""
        if not self.plan.leaves_merging:
            return left.copy()
        height, width = left.shape[2:]
        return np.tile(still_parts(height // 2, width // 2).transpose(2, 0, 1), (len(left), 1, 1, 1))

    def _run(self, arrays: Sequence[Batch]) -> Batch:
        """Run the network on some tiles, batch by batch."""
        count = len(arrays[0])
        made = []
        for start in range(0, count, self.plan.batch):
            part = [_filled(array[start : start + self.plan.batch], self.plan.batch) for array in arrays]
            made.append(self.network(*part)[: count - start])
        return np.concatenate(made)


def _mixed(left: Image, right: Image, t: Fraction) -> Image:
    """Mix two pictures that are equal except for noise."""
    return np.asarray(cv2.addWeighted(left, 1 - float(t), right, float(t), 0))


def _split(tiles: TilePlan, image: Image) -> Batch:
    return np.ascontiguousarray(tiles.split(image).transpose(0, 3, 1, 2))


def _interleaved(tiles: Batch) -> Batch:
    """Copy (N, C, h, w) to contiguous (N, h, w, C), because OpenCV copies a mere view again in every call."""
    count, channels, height, width = tiles.shape
    pictures = np.empty((count, height, width, channels), tiles.dtype)
    for planes, picture in zip(tiles, pictures, strict=True):
        cv2.merge(list(planes), picture)
    return pictures


def _cut_prior(prior: Batch, box: Box, tiles: TilePlan) -> Batch:
    """Cut from a (4, H/4, W/4) prior of the padded picture the part that belongs to the padded box."""
    height, width = (side // GRID for side in tiles.padded_size)
    top, left = box.top // GRID, box.left // GRID
    return prior[:, top : top + height, left : left + width]


def _filled(tiles: Batch, count: int) -> Batch:
    """Repeat tiles up to ``count``, so that the network always sees one shape."""
    if len(tiles) == count:
        return tiles
    return np.concatenate([tiles, np.repeat(tiles[-1:], count - len(tiles), axis=0)])
