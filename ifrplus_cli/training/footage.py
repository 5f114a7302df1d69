"""Cut examples from films on the fly, away from cuts and from what stands still.

A window is a few neighbouring frames of a film, restricted to a part that is large enough for several crops. Several
windows are in use at a time; each one gives several examples and then makes way for the next, so a film of any
length is decoded piece by piece, at random positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise

import numpy as np

from ifrplus_cli.errors import InputError
from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.flow import GRID, Neighbour, PairFlow, pair_flow
from ifrplus_cli.frames.pictures import Picture, as_codes
from ifrplus_cli.training.augment import Example
from ifrplus_cli.training.example import example_of, moves, one_scene, to_float
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.trim import FrameNumber, cut_section

WINDOW_FRAMES = 9  # per window
MARGIN = 128  # pixels by which the part is larger than a crop
IN_USE, USES = 16, 48  # windows at a time, and crops of each: opening a window costs as much as making twenty examples
MIDDLES = ((1, 1), (1, 1), (1, 1), (2, 2), (1, 2), (2, 1))  # frames from left to true and to right; one is drawn
DRAWS = 40  # windows that are tried before the search for motion is given up
LEAST_FRAMES = 3


@dataclass(frozen=True)
class Stretch:
    """The frames of a film from number ``first`` on, ``count`` of them."""

    clip: ClipInfo
    first: int
    count: int

    def part(self, first: int, count: int) -> ClipInfo:
        """Return some of these frames, counted from the first of them, as a clip."""
        begin = self.first + first
        end = self.first + min(first + count, self.count)
        return cut_section(self.clip, FrameNumber(begin), FrameNumber(end))


class Footage:
    """A source of examples from films; the example of a given number is always the same."""

    def __init__(self, stretches: Sequence[Stretch], least: int, seed: int) -> None:
        """
        Args:
            stretches: parts of films, none of them interlaced.
            least: smallest side of an example in pixels.
            seed: random seed.

        Raises:
            InputError: if a film is smaller, or has fewer than three frames.
        """
        for stretch in stretches:
            clip = stretch.clip
            if min(clip.upright_size) < least:
                width, height = clip.upright_size
                raise InputError(
                    f"{clip.path.name} is {width}x{height}, smaller than the {least} pixels of a crop.",
                    "Remove it, or choose a smaller --crop.",
                )
            if stretch.count < LEAST_FRAMES:
                raise InputError(f"{clip.path.name} has too few frames for training.", "Remove it.")
        self._stretches = tuple(stretches)
        self._least, self._seed = least, seed
        lengths = np.array([stretch.count for stretch in stretches], float)
        self._shares = lengths / lengths.sum()
        self._window = lru_cache(IN_USE)(self._drawn_window)

    def example(self, number: int) -> Example:
        """Return the example of a number, larger than a crop.

        Raises:
            InputError: if no motion was found in many places.
        """
        draw = np.random.default_rng((self._seed, number))
        turn, place = divmod(number, IN_USE * USES)
        return self._window(turn * IN_USE + place % IN_USE).example(int(draw.integers(2**31)))

    def _drawn_window(self, number: int) -> Window:
        draw = np.random.default_rng((self._seed, number, 1))
        for _ in range(DRAWS):
            stretch = self._stretches[int(draw.choice(len(self._stretches), p=self._shares))]
            window = read_window(stretch, self._least, draw)
            if window is not None and window.places:
                return window
        names = ", ".join(dict.fromkeys(stretch.clip.path.name for stretch in self._stretches))
        raise InputError(
            f"No motion was found in {DRAWS} places of {names[:200]}.", "Give films in which something moves."
        )


def read_window(stretch: Stretch, least: int, draw: np.random.Generator) -> Window | None:
    """Read frames of a stretch from a random one on, and a random part of them; None if too few can be decoded.

    Raises:
        MediaToolError: if ffmpeg fails.
    """
    clip = stretch.clip
    width, height = clip.upright_size
    sides = [min(side, least + MARGIN) // GRID * GRID for side in (height, width)]
    top, left = (int(draw.integers(whole - side + 1)) for whole, side in zip((height, width), sides, strict=True))
    part = stretch.part(int(draw.integers(max(stretch.count - WINDOW_FRAMES, 0) + 1)), WINDOW_FRAMES)
    convert = Converter(clip.pixel_format, clip.colour, width, height)
    pictures, times = [], []
    with decode(part, upright=True) as decoder:
        for frame in decoder:
            image = convert.to_rgb(frame.planes)[top : top + sides[0], left : left + sides[1]]
            pictures.append(as_codes(image))
            times.append(float(frame.pts))
    return Window(tuple(pictures), tuple(times)) if len(pictures) >= LEAST_FRAMES else None


@dataclass(frozen=True)
class Window:
    """Neighbouring frames of a film, H x W x 3 uint8 RGB, and their times in seconds."""

    pictures: tuple[Picture, ...]
    times: tuple[float, ...]

    @cached_property
    def _flows(self) -> dict[tuple[int, int], PairFlow]:
        return {}

    @cached_property
    def _scenes(self) -> tuple[int, ...]:
        """The scene number of each frame."""
        cuts = (not one_scene(left, right) for left, right in pairwise(self.pictures))
        return tuple(accumulate(cuts, initial=0))

    @cached_property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """Triplets (frame numbers) within one scene between whose neighbouring frames something moves."""
        count = len(self.pictures)
        good = [
            self._scenes[number] == self._scenes[number + 1] and moves(*self.pictures[number : number + 2])
            for number in range(count - 1)
        ]
        return tuple(
            (middle - before, middle, middle + after)
            for before, after in MIDDLES
            for middle in range(before, count - after)
            if all(good[middle - before : middle + after])
        )

    @cached_property
    def _examples(self) -> dict[tuple[int, int, int], Example]:
        return {}

    def example(self, number: int) -> Example:
        """Return the example of the triplet that ``number`` selects; the same triplet gives the same object."""
        place = self.places[number % len(self.places)]
        if place not in self._examples:
            self._examples[place] = self._example(place)
        return self._examples[place]

    def _example(self, place: tuple[int, int, int]) -> Example:
        first, middle, last = place
        length = self.times[last] - self.times[first]
        step = last - first
        before, after = (self._neighbour(*ends, length) for ends in ((first - step, first), (last, last + step)))
        pictures = (self.pictures[first], self.pictures[middle], self.pictures[last])
        t = (self.times[middle] - self.times[first]) / length
        return example_of(pictures, t, self._flow(first, last), before, after)

    def _neighbour(self, first: int, last: int, length: float) -> Neighbour | None:
        if first < 0 or last >= len(self.pictures) or self._scenes[first] != self._scenes[last]:
            return None
        return Neighbour(self._flow(first, last), (self.times[last] - self.times[first]) / length)

    def _flow(self, first: int, last: int) -> PairFlow:
        if (first, last) not in self._flows:
            self._flows[first, last] = pair_flow(to_float(self.pictures[first]), to_float(self.pictures[last]))
        return self._flows[first, last]
