"""Make examples from triplets of pictures: add the flow from which a network starts, and a teacher's."""

from __future__ import annotations

import cv2
import numpy as np

from ifrplus_cli.frames.flow import GRID, Neighbour, PairFlow, dis_flow, intermediate_flow, pair_flow
from ifrplus_cli.frames.pairing import cut_score
from ifrplus_cli.frames.pictures import Picture
from ifrplus_cli.training.augment import Example, Flows
from ifrplus_cli.values import Image

ROUGH = 1 / 4  # size at which motion is detected
STILL = 0.3  # mean motion in pixels below which a pair teaches nothing
MOST_UNLIKE = 0.6  # cut score; lower than the threshold for films, since leaving out a doubtful pair costs nothing


def to_float(picture: Picture) -> Image:
    return np.ascontiguousarray(picture).astype(np.float32) / 255


def moves(left: Picture, right: Picture) -> bool:
    """Return whether anything moves between two pictures, according to a rough flow."""
    flow = dis_flow(to_float(left), to_float(right), ROUGH)
    return bool(np.abs(flow).mean() >= STILL)


def one_scene(left: Picture, right: Picture) -> bool:
    """Return whether two pictures are of one scene, without a cut between them."""
    return cut_score(*(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (left, right))) <= MOST_UNLIKE


def example_of(
    pictures: tuple[Picture, Picture, Picture],
    t: float,
    flow: PairFlow | None = None,
    before: Neighbour | None = None,
    after: Neighbour | None = None,
    teacher: Flows | None = None,
) -> Example:
    """Make an example of left, true and right picture; rows and columns beyond multiples of 4 are cropped.

    Args:
        pictures: (left, true, right), each H x W x 3 uint8 RGB.
        t: timestep of the true picture.
        flow: flow of left and right; computed here if it is not given.
        before, after: the neighbouring pairs, if they are known.
        teacher: (4, H/4, W/4) flows from the true picture to left and right; by default DIS computes them.
    """
    height, width = (side // GRID * GRID for side in pictures[1].shape[:2])
    left, true, right = (np.ascontiguousarray(picture[:height, :width]) for picture in pictures)
    images = {name: to_float(picture) for name, picture in (("left", left), ("true", true), ("right", right))}
    if flow is None:
        flow = pair_flow(images["left"], images["right"])
    if teacher is None:
        ways = [dis_flow(images["true"], images[side]) for side in ("left", "right")]
        teacher = np.concatenate(ways, axis=2).transpose(2, 0, 1)
    prior = intermediate_flow(flow, t, before, after)
    return Example(left, true, right, t, np.concatenate([prior, teacher]).astype(np.float32))
