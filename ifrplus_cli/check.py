"""Quality on a person's own clip: frames are dropped, made again from their neighbours, and compared."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby
from statistics import fmean

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.colour import Converter, RgbMemory
from ifrplus_cli.decode import Decoder
from ifrplus_cli.errors import InputError
from ifrplus_cli.interpolate import FRAMES_SEEN, Interpolator, LoadedModel, surroundings
from ifrplus_cli.media import ClipInfo, Frame, Image, Pair, PairKind
from ifrplus_cli.metrics import psnr, ssim
from ifrplus_cli.pairing import pair_frames, with_neighbours
from ifrplus_cli.prior import GRID, dis_flow
from ifrplus_cli.probe import upright_size
from ifrplus_cli.showing import Picture, as_codes, difference, flow_colours

SAMPLE_SECONDS = 20.0  # of film that are compared unless all of it is wanted
STRETCHES = 10  # that the sample is spread over
THUMBNAIL = (64, 36)  # width and height of frames that are compared for the sake of choosing
WORST = 6  # moments that are shown
LARGEST_PSNR = 100.0  # dB; equal pictures have no finite one
FLOW_SCALE = 1 / 4  # of the pictures in which motion is measured
FAST_SHARE = 0.95  # of the picture moves more slowly than the motion that is told


@dataclass(frozen=True)
class Moment:
    """A dropped frame that was made again.

    Attributes:
        index: of the frame in the clip, from 0.
        seconds: its time, from the beginning of the clip.
        psnr: of the made frame against the true one, RGB, in dB, at most 100.
        ssim: likewise (Wang et al. 2004, mean of R, G and B).
        blend_psnr: PSNR of the mean of both neighbours.
        motion: in pixels between the two neighbours: 95 % of the picture moves less.
    """

    index: int
    seconds: float
    psnr: float
    ssim: float
    blend_psnr: float
    motion: float


@dataclass(frozen=True)
class Sight:
    """Pictures of a moment, each H x W x 3 uint8 RGB."""

    moment: Moment
    true: Picture = field(repr=False)
    made: Picture = field(repr=False)
    difference: Picture = field(repr=False)
    flow: Picture = field(repr=False)


@dataclass(frozen=True)
class CheckResult:
    """What came out.

    Attributes:
        frames: that were looked at.
        compared_seconds: of film that the moments stand for.
        moments: in order of time.
        cuts, repeats: dropped frames that were not made, for a cut or no change lay around them.
        flicker: mean change of brightness from frame to frame that the next frame takes back, in codes of 8 bits.
        worst: the moments with the lowest PSNR, worst first.
    """

    clip: ClipInfo
    frames: int
    compared_seconds: float
    moments: tuple[Moment, ...]
    cuts: int
    repeats: int
    flicker: float
    worst: tuple[Sight, ...]

    def mean(self, name: str) -> float:
        """The mean of one of the figures of all moments."""
        return fmean(getattr(moment, name) for moment in self.moments)


def check_clip(
    clip: ClipInfo, model: LoadedModel, *, full: bool = False, progress: Callable[[int, int], None] = lambda *_: None
) -> CheckResult:
    """Drop every second frame of a clip, make it again, and compare.

    Args:
        model: loaded for pictures of the clip's upright size.
        full: compare all of it; by default up to ``SAMPLE_SECONDS``, spread over the clip.
        progress: is told how many frames are done, of how many.

    Raises:
        InputError: if the clip has no three frames, or nothing in it can be compared.
    """
    clip = _opaque(clip)
    run = _Run(clip, model)
    wanted = range(len(clip.packet_pts)) if full else sample(clip)
    with Decoder(clip, upright=True) as decoder:
        for stretch in _stretches(_numbered(decoder, wanted)):
            run.see(stretch, lambda number: progress(number, len(clip.packet_pts)))
    if not run.moments:
        raise InputError(
            f"There is nothing to compare in {clip.path}.", "Give a clip with motion, of three frames or more."
        )
    return run.result()


def _opaque(clip: ClipInfo) -> ClipInfo:
    """The clip without its alpha: colours are compared, also those of what is clear."""
    opaque = clip.pixel_format.opaque
    return replace(clip, pixel_format=opaque, decode_format=opaque.name) if clip.pixel_format.alpha else clip


def dropped_frames(clip: ClipInfo, *, full: bool) -> int:
    """About how many frames are made again, at most."""
    seconds = clip.duration if full else min(float(clip.duration), SAMPLE_SECONDS)
    return math.ceil(seconds * clip.rate / 2)


def sample(clip: ClipInfo) -> list[int]:
    """Numbers of the frames to look at, all of a short clip.

    A longer one is divided into equal parts, and of each the stretch that changes most is taken.
    """
    count = len(clip.packet_pts)
    if clip.duration <= SAMPLE_SECONDS:
        return list(range(count))
    length = max(3, math.ceil(count * SAMPLE_SECONDS / float(clip.duration) / STRETCHES) | 1)  # odd: ends are kept
    changes = _changes(clip)
    sums = np.convolve(changes, np.ones(length - 1), "valid")  # of the changes inside a stretch from each frame on
    parts = np.array_split(np.arange(len(sums)), STRETCHES)
    starts = [int(part[np.argmax(sums[part])]) for part in parts if part.size]
    return sorted({start + place for start in starts for place in range(length)})


def _changes(clip: ClipInfo) -> npt.NDArray[np.float64]:
    """Mean change of brightness of a sample from each frame to the next."""
    changes, last = [], None
    with Decoder(clip) as decoder:
        for frame in decoder:
            small = cv2.resize(frame.planes[0], THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float64)
            if last is not None:
                changes.append(np.abs(small - last).mean())
            last = small
    return np.array(changes)


def _numbered(frames: Iterable[Frame], wanted: Iterable[int]) -> Iterator[tuple[int, Frame]]:
    """Frames with their numbers, as far as they are wanted."""
    numbers = deque(sorted(wanted))
    for number, frame in enumerate(frames):
        if numbers and number == numbers[0]:
            numbers.popleft()
            yield number, frame
        if not numbers:
            return


def _stretches(frames: Iterable[tuple[int, Frame]]) -> Iterator[Iterator[tuple[int, Frame]]]:
    """Frames that follow each other in the clip, together."""
    for _, stretch in groupby(enumerate(frames), key=lambda entry: entry[1][0] - entry[0]):
        yield (frame for _, frame in stretch)


class _Run:
    """Takes frames one after the other and keeps what was found."""

    def __init__(self, clip: ClipInfo, model: LoadedModel) -> None:
        self.clip = clip
        width, height = upright_size(clip)
        self.convert = Converter(clip.pixel_format, clip.colour, width, height)
        self.rgb = RgbMemory(self.convert.to_rgb, FRAMES_SEEN)
        self.interpolate = Interpolator(model)
        self.moments: list[Moment] = []
        self.worst: list[tuple[float, int, Sight]] = []  # a heap: the best of them first
        self.frames = self.cuts = self.repeats = 0
        self.brightness: list[float] = []

    def see(self, stretch: Iterable[tuple[int, Frame]], told: Callable[[int], None]) -> None:
        """Make every second frame of a stretch again, as the program would from the others."""
        dropped: deque[tuple[int, Frame]] = deque()
        kept = self._kept(stretch, dropped, told)
        for before, pair, after in with_neighbours(pair_frames(kept, pixel_format=self.clip.pixel_format)):
            index, frame = dropped.popleft()
            if pair.kind is PairKind.DUPLICATE:
                self.repeats += 1
            elif pair.kind is PairKind.CUT:
                self.cuts += 1
            else:
                self._compare(index, frame, before, pair, after)

    def _kept(
        self, stretch: Iterable[tuple[int, Frame]], dropped: deque[tuple[int, Frame]], told: Callable[[int], None]
    ) -> Iterator[Frame]:
        """The first frame, the third and so on; the others go to ``dropped``."""
        for place, (number, frame) in enumerate(stretch):
            self.frames += 1
            self.brightness.append(float(frame.planes[0].mean()) * 2 ** (8 - self.clip.pixel_format.depth))
            if place % 2:
                dropped.append((number, frame))
            else:
                yield frame
            told(number)

    def _compare(self, index: int, frame: Frame, before: Pair | None, pair: Pair, after: Pair | None) -> None:
        t = (frame.pts - pair.left.pts) / pair.length
        ends = self.rgb(pair.left), self.rgb(pair.right)
        around = surroundings(before, pair, after, self.rgb)
        made = self.interpolate(*ends, [t], around)[0]
        made = self.convert.to_rgb(self.convert.to_planes(made))  # as it would be stored
        self._judge(index, frame, made, ends, t)

    def _judge(self, index: int, frame: Frame, made: Image, ends: tuple[Image, Image], t: Fraction) -> None:
        true, made_codes = as_codes(self.convert.to_rgb(frame.planes)), as_codes(made)
        mixed = as_codes((1 - float(t)) * ends[0] + float(t) * ends[1])
        flow = _flow(*ends)
        moment = Moment(
            index=index,
            seconds=float(frame.pts - self.clip.start),
            psnr=min(psnr(made_codes, true), LARGEST_PSNR),
            ssim=ssim(made_codes, true) if min(true.shape[:2]) > 11 else 1.0,
            blend_psnr=min(psnr(mixed, true), LARGEST_PSNR),
            motion=float(np.quantile(np.linalg.norm(flow, axis=2), FAST_SHARE)),
        )
        self.moments.append(moment)
        if len(self.worst) < WORST or moment.psnr < -self.worst[0][0]:
            sight = Sight(moment, true, made_codes, difference(made_codes, true), flow_colours(flow, true))
            heapq.heappush(self.worst, (-moment.psnr, index, sight))
            if len(self.worst) > WORST:
                heapq.heappop(self.worst)

    def result(self) -> CheckResult:
        return CheckResult(
            clip=self.clip,
            frames=self.frames,
            compared_seconds=float(2 * len(self.moments) / self.clip.rate),
            moments=tuple(self.moments),
            cuts=self.cuts,
            repeats=self.repeats,
            flicker=_flicker(self.brightness),
            worst=tuple(sight for *_, sight in sorted(self.worst, key=lambda entry: -entry[0])),
        )


def _flicker(brightness: list[float]) -> float:
    """Mean change that is taken back by the next frame; changes that go on, as in a fade, don't count."""
    steps = np.diff(brightness)
    before, after = steps[:-1], steps[1:]
    return float(np.where(before * after < 0, np.minimum(abs(before), abs(after)), 0).mean()) if len(steps) > 1 else 0.0


def _flow(left: Image, right: Image) -> npt.NDArray[np.float32]:
    """(H/4, W/4, 2) motion in pixels."""
    height, width = (side // GRID * GRID for side in left.shape[:2])
    return dis_flow(left[:height, :width], right[:height, :width], FLOW_SCALE)
