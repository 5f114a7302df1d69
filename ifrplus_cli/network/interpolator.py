"""Make the pictures between two pictures: load a network, pad, tile, batch, and run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import ModelError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.frames.doubt import Doubt, doubt_about
from ifrplus_cli.frames.flow import GRID, FlowView, Neighbour, PairFlow, Paths, find_paths, flow_between, in_whole_cells
from ifrplus_cli.frames.merge import Plane, alike, difference, merge, still_parts
from ifrplus_cli.frames.motion_box import Box, moves, moving_box
from ifrplus_cli.network.bisection import make_by_halving
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.network.engine import MINDSPORE
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.engine_onnx import OnnxNetwork
from ifrplus_cli.network.frame_features import FrameFeatures
from ifrplus_cli.network.plan import NetworkPlan, pairs_at_once
from ifrplus_cli.network.recent import Recent
from ifrplus_cli.network.tiling import TilePlan
from ifrplus_cli.values import HALF, Frame, Image, Pair
from ifrplus_cli.weights.manifest import MANIFEST, find_weights

Batch = npt.NDArray[np.float32]


class Network(Protocol):
    """A network on its device, as a function of numpy arrays."""

    def __call__(self, *arrays: Batch) -> Batch:
        """Take the arrays that ``NetworkPlan.inputs`` names, in that order, and return (N, 3, H, W) or parts."""
        ...


Encode = Callable[[Batch], Batch]  # (N, 3, H, W) frames to their features, (N, C, H/2, W/2)


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, ready to run.

    Attributes:
        at_once: pairs that it may be given at the same time, each in its own thread.
        encode: the part of the network that sees one frame alone, if the network ``is_divided``.
    """

    plan: NetworkPlan
    network: Network
    weights_path: Path
    weights_sha256: str
    at_once: int = 1
    encode: Encode | None = None


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
        if weights is not None:
            raise ModelError(f"The weights {weights} were not found.", "Check the path that --weights names.")
        name = plan.spec.weights
        remedy = "install the program again" if MANIFEST[name].comes_along else f"run ifrplus download-weights {name}"
        raise ModelError(f"The weights {name} were not found.", f"Give their file with --weights, or {remedy}.")
    network, encode = _run_by(plan, path, at_once)
    return LoadedModel(plan, network, path, sha256_of(path), at_once, encode)


def load_for_run(plan: NetworkPlan, weights: Path | None = None) -> LoadedModel:
    """Load a network as ``load_model`` does, for many pairs of a film, with the best number of pairs at once."""
    return load_model(plan, weights, at_once=pairs_at_once(plan))


def _run_by(plan: NetworkPlan, weights: Path, at_once: int) -> tuple[Network, Encode | None]:
    """Load the network, and the part of it that sees one frame alone, in the engine that was chosen for it."""
    if plan.engine == MINDSPORE:
        return _run_by_mindspore(plan, weights)
    shape = (plan.batch, *plan.tiles.tile_size)
    threads = this_machine().cores() // at_once
    provider, number, parts = plan.engine.provider, plan.device.number, plan.is_divided
    network = OnnxNetwork(plan.spec, shape, provider, number, weights, plan.scales, threads, parts, plan.precision)
    return network, network.encode if plan.is_divided else None


def _run_by_mindspore(plan: NetworkPlan, weights: Path) -> tuple[Network, Encode | None]:
    spec, name = plan.spec, f"{plan.spec.name} {plan.scales} {plan.precision}"
    if not plan.is_divided:
        return MindSporeNetwork(spec.build(plan.scales, plan.precision), weights, name), None
    assert spec.build_parts is not None and spec.build_features is not None
    network = MindSporeNetwork(spec.build_parts(), weights, f"{name} parts", spec.build_features())
    return network, network.encode


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
DOUBT_SCALE = 1 / 2  # largest size, relative to the picture, of a flow that only doubt needs: its thresholds are for it
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
        paths: paths of the points of the pictures, in whole cells; None if the network needs none, or nothing moves.
        features: of both frames; none if no part of the network sees a frame alone.
    """

    left: Image
    right: Image
    box: Box | None
    paths: Paths | None
    features: tuple[FrameFeatures, ...] = ()


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

    There are two steps: ``look`` finds the motion, in one thread, and ``make`` makes the frames, in as many threads
    as the model allows; a network that only halves gaps looks again on the way. The flow of a pair is computed
    once, even if the pair is later the neighbour of the next one, and what the search for motion or a network sees
    in one frame alone once for both of its pairs: images are recognised by object identity, and must not be
    changed.
    """

    def __init__(self, model: LoadedModel, *, doubt: bool = False) -> None:
        """
        Args:
            model: the loaded network.
            doubt: estimate doubt about made frames, for a report; the frames stay the same.
        """
        self.plan, self.network, self._encode = model.plan, model.network, model.encode
        self.doubt = doubt
        self._flows: Recent[PairFlow] = Recent(FRAMES_SEEN - 1)  # of a pair and its neighbours
        self._views: Recent[FlowView] = Recent(FRAMES_SEEN)
        self._features: Recent[FrameFeatures] = Recent(2)  # of a pair

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
        features = () if box is None else self._features_of(left, right)
        return Motion(left, right, box, self.paths(left, right, around) if wanted else None, features)

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
        cuts = box.cut(left), box.cut(right)
        moving = _moving(tiles, *cuts)
        apart = difference(*cuts) if self.plan.is_divided else None
        shared = self._shared(motion, box, tiles, moving, apart)
        made = []
        for t in timesteps:
            inputs = {**shared, "t": np.full((len(moving), 1, 1, 1), float(t), np.float32)}
            prior = motion.paths.at(float(t)) if motion.paths else None
            if prior is not None:
                split = tiles.split(_cut_prior(prior, box, tiles), channels_first=True, scale=GRID)
                inputs["prior"] = _chosen(split, moving)
            filled = self._run([inputs[name] for name in self.plan.inputs])
            if len(moving) < tiles.count:
                filled = _put(filled, moving, self._unmoved(tiles, cuts[0]))
            if apart is not None:
                part = merge(*cuts, tiles.shrunk(2).merge_planes(filled), float(t), apart)
            else:
                part = tiles.merge(_interleaved(filled))
            whole = part if part.shape == left.shape else box.put(part, _mixed(left, right, t))
            doubt = doubt_about(left, right, whole, prior) if self.doubt and prior is not None else None
            made.append(MadeFrame(whole, doubt))
        return made

    def _shared(
        self, motion: Motion, box: Box, tiles: TilePlan, moving: Sequence[int], apart: Plane | None
    ) -> dict[str, Batch]:
        """Return the inputs of the tiles that move which are the same at all timesteps."""
        if not self.plan.is_divided:
            pair = {"left": motion.left, "right": motion.right}
            return {name: _split(tiles, box.cut(image), moving) for name, image in pair.items()}
        assert apart is not None
        # The right frame first: the pair before may be busy with the left one.
        right, left = (frame.of(box, tiles, moving) for frame in reversed(motion.features))
        shares = _split(tiles.shrunk(2), alike(apart, tiles.padded_size)[..., np.newaxis], moving)
        return {"left_features": left, "right_features": right, "alike": shares}

    def _features_of(self, *images: Image) -> tuple[FrameFeatures, ...]:
        """Return the features of frames, which are those of the pair before if a frame was in it."""
        encode = self._encode
        if encode is None:
            return ()
        return tuple(self._features.of(image, find=partial(FrameFeatures, image, encode)) for image in images)

    def paths(self, left: Image, right: Image, around: Surroundings = ALONE) -> Paths:
        """Return the paths between both frames of their points."""
        before, after = around.before, around.after
        earlier = Neighbour(self._flow(before.image, left), float(before.distance)) if before else None
        flow = self._flow(left, right)
        later = Neighbour(self._flow(right, after.image), float(after.distance)) if after else None
        return find_paths(flow, earlier, later)

    def _flow(self, left: Image, right: Image) -> PairFlow:
        return self._flows.of(left, right, find=lambda: flow_between(self._view(left), self._view(right)))

    def _view(self, image: Image) -> FlowView:
        scale = self.plan.scales.flow if self.looks_around else min(self.plan.scales.flow, DOUBT_SCALE)
        return self._views.of(image, find=lambda: FlowView.of(in_whole_cells(image), scale))

    def _unmoved(self, tiles: TilePlan, left: Image) -> Batch:
        """Return what the network would make of all tiles if nothing moved."""
        if not self.plan.is_divided:
            return _split(tiles, left, range(tiles.count))
        height, width = tiles.shrunk(2).tile_size
        return np.tile(still_parts(height, width), (tiles.count, 1, 1, 1))

    def _run(self, arrays: Sequence[Batch]) -> Batch:
        """Run the network on some tiles, batch by batch."""
        count = len(arrays[0])
        made = []
        for start in range(0, count, self.plan.batch):
            part = [_filled(array[start : start + self.plan.batch], self.plan.batch) for array in arrays]
            made.append(self.network(*part)[: count - start])
        return made[0] if len(made) == 1 else np.concatenate(made)


def _mixed(left: Image, right: Image, t: Fraction) -> Image:
    """Mix two pictures that are equal except for noise."""
    return np.asarray(cv2.addWeighted(left, 1 - float(t), right, float(t), 0))


def _moving(tiles: TilePlan, left: Image, right: Image) -> list[int]:
    """Return the numbers of the tiles in which something moves; a single tile contains what moves."""
    if tiles.count == 1:
        return [0]
    return [number for number in range(tiles.count) if moves(tiles.cut(left, number), tiles.cut(right, number))]


def _split(tiles: TilePlan, image: Batch, numbers: Sequence[int]) -> Batch:
    """Return some tiles of an (H, W, C) picture, (n, C, h, w)."""
    return np.ascontiguousarray(_chosen(tiles.split(image), numbers).transpose(0, 3, 1, 2))


def _chosen(tiles: Batch, numbers: Sequence[int]) -> Batch:
    return tiles if len(numbers) == len(tiles) else tiles[numbers]


def _put(some: Batch, numbers: Sequence[int], tiles: Batch) -> Batch:
    tiles[numbers] = some
    return tiles


def _interleaved(tiles: Batch) -> Batch:
    """Copy (N, C, h, w) to contiguous (N, h, w, C), because OpenCV copies a mere view again in every call."""
    count, channels, height, width = tiles.shape
    pictures = np.empty((count, height, width, channels), tiles.dtype)
    for planes, picture in zip(tiles, pictures, strict=True):
        cv2.merge(list(planes), picture)
    return pictures


def _cut_prior(prior: Batch, box: Box, tiles: TilePlan) -> Batch:
    """Cut from the (4, H/4, W/4) prior of a picture what belongs to the padded box, as far as the picture goes."""
    height, width = (side // GRID for side in tiles.padded_size)
    top, left = box.top // GRID, box.left // GRID
    return prior[:, top : top + height, left : left + width]


def _filled(tiles: Batch, count: int) -> Batch:
    """Repeat tiles up to ``count``, so that the network always sees one shape."""
    if len(tiles) == count:
        return tiles
    return np.concatenate([tiles, np.repeat(tiles[-1:], count - len(tiles), axis=0)])
