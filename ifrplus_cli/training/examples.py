"""Supply the examples of a run: their sources, the order in which they form batches, and their rows for the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.datasets.layouts import Triplet
from ifrplus_cli.datasets.triplets import read_triplet
from ifrplus_cli.errors import IfrplusError, InputError
from ifrplus_cli.frames.flow import GRID
from ifrplus_cli.training.augment import Augmentation, Example, Flows, augmented
from ifrplus_cli.training.example import example_of

REMEMBERED = 256 * 2**20  # bytes of triplets whose flows are cached from one epoch to the next
COLUMNS = ("left", "true", "right", "t", "flows", "fault")
TEACHER_FILES = ("flow_t0.flo", "flow_t1.flo")  # from the true picture to left and right, as IFRNet names them

Row = tuple[npt.NDArray[np.generic], ...]


class ExampleSource(Protocol):
    """A source of examples; the example of a given number is always the same."""

    def example(self, number: int) -> Example:
        """Return the example of a number, at least as large as a crop."""


class TripletSource:
    """The triplets of a data set, each once per epoch, in an order that is drawn again for each epoch."""

    def __init__(self, triplets: Sequence[Triplet], seed: int) -> None:
        self._triplets, self._seed = tuple(triplets), seed
        self._order = lru_cache(2)(self._drawn_order)
        self._remembered: dict[Triplet, Example] = {}  # the first ones, for none occurs twice in an epoch
        self._free = REMEMBERED

    def example(self, number: int) -> Example:
        """Return the example of a number.

        Raises:
            InputError: names a picture that can't be used.
        """
        epoch, place = divmod(number, len(self._triplets))
        triplet = self._triplets[int(self._order(epoch)[place])]
        if triplet in self._remembered:
            return self._remembered[triplet]
        example = _made(triplet)
        size = sum(array.nbytes for array in (example.left, example.true, example.right, example.flows))
        if size <= self._free:
            self._remembered[triplet] = example
            self._free -= size
        return example

    def _drawn_order(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self._seed, epoch, 3)).permutation(len(self._triplets))


def _made(triplet: Triplet) -> Example:
    shown = read_triplet(triplet)
    return example_of((shown.left, shown.true, shown.right), float(shown.t), teacher=_teacher(triplet, shown.size))


def _teacher(triplet: Triplet, size: tuple[int, int]) -> Flows | None:
    """Read the flows beside the true picture of a triplet; return None if there are none."""
    files = [triplet.true.with_name(name) for name in TEACHER_FILES]
    if not all(file.is_file() for file in files):
        return None
    return np.concatenate([_read_flow(file, size) for file in files])


def _read_flow(file: Path, size: tuple[int, int]) -> Flows:
    flow = cv2.readOpticalFlow(str(file))
    if flow is None or flow.shape[:2] != size:
        raise InputError(f"{file} is not a flow of {size[1]}x{size[0]} pixels.", "Compute it again, or remove it.")
    height, width = (side // GRID for side in size)
    small = cv2.resize(flow[: height * GRID, : width * GRID], (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1), np.float32)


@dataclass(frozen=True)
class Share:
    """The examples of a run that one device processes.

    Attributes:
        batch: batch size of this device.
        rank, devices: number of this device, and how many there are.
    """

    batch: int
    rank: int = 0
    devices: int = 1

    def number(self, place: int) -> int:
        """Return the example at a place in this device's own order; the batches of all devices form a larger one."""
        turn, inside = divmod(place, self.batch)
        return (turn * self.devices + self.rank) * self.batch + inside


class Rows:
    """The rows of a device, for ``GeneratorDataset``, from the row on at which a run resumes.

    An exception in a worker does not arrive complete, so errors have a column of their own.
    """

    def __init__(
        self, source: ExampleSource, share: Share, crop: int, chances: Augmentation, seed: int, first: int, count: int
    ) -> None:
        """
        Args:
            chances: probabilities of augmentation.
            first, count: places in the device's own order.
        """
        self._source, self._share, self._crop, self._chances = source, share, crop, chances
        self._seed, self._first, self._count = seed, first, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Row:
        number = self._share.number(self._first + int(index))
        try:
            return (*as_row(self._cut(number)), np.array(""))
        except IfrplusError as error:
            return (*_blank(self._crop), np.array(f"{error.message}\n{error.hint}"))

    def _cut(self, number: int) -> Example:
        example = self._source.example(number)
        if min(example.true.shape[:2]) < self._crop:
            height, width = example.true.shape[:2]
            raise InputError(
                f"A triplet is {width}x{height}, smaller than the {self._crop} pixels of a crop.",
                "Choose a smaller --crop.",
            )
        return augmented(example, self._crop, self._chances, np.random.default_rng((self._seed, number, 4)))


def as_row(example: Example) -> Row:
    """Return pictures (3, H, W) uint8, the time (1, 1, 1) and the flows, as a network takes them."""
    left, true, right = (
        np.ascontiguousarray(picture.transpose(2, 0, 1)) for picture in (example.left, example.true, example.right)
    )
    return left, true, right, np.full((1, 1, 1), example.t, np.float32), np.ascontiguousarray(example.flows)


def _blank(crop: int) -> Row:
    picture = np.zeros((crop, crop, 3), np.uint8)
    flows = np.zeros((8, crop // GRID, crop // GRID), np.float32)
    return as_row(Example(picture, picture, picture, 0.5, flows))
