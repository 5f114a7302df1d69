"""Measure quality on a user's own clip: drop frames, make them again from their neighbours, and compare."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import InputError
from ifrplus_cli.frames.colour import Converter, RgbMemory
from ifrplus_cli.frames.detail import detail_of
from ifrplus_cli.frames.flow import dis_flow, in_whole_cells
from ifrplus_cli.frames.haarpsi import SMALLEST_SIDE, haarpsi
from ifrplus_cli.frames.metrics import LARGEST_PSNR, SSIM_WINDOW, psnr, ssim
from ifrplus_cli.frames.pairing import pair_frames, with_neighbours
from ifrplus_cli.frames.pictures import Picture, as_codes, difference, doubt_colours, flow_colours
from ifrplus_cli.measure.vmaf import VmafMeter, why_no_vmaf
from ifrplus_cli.network.choose import Work, choose_network
from ifrplus_cli.network.interpolator import (
    FRAMES_SEEN,
    Interpolator,
    LoadedModel,
    MadeFrame,
    load_model,
    surroundings,
)
from ifrplus_cli.network.request import NetworkRequest
from ifrplus_cli.values import HALF, ClipInfo, Frame, Image, Pair, PairKind, Plane
from ifrplus_cli.video.reading.interlace import deinterlaced
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.sampling import sample, stretches_of

SAMPLE_SECONDS = 20.0  # of film that are compared unless all of it is requested
WORST_MOMENTS = 6  # moments that are shown
MOTION_SCALE = 1 / 4  # size at which motion is measured, relative to the picture
FAST_SHARE = 0.95  # share of the picture that moves more slowly than the reported motion


@dataclass(frozen=True)
class Moment:
    """A dropped frame that was made again.

    Attributes:
        index: number of the frame in the clip, counted from 0.
        seconds: its time, from the beginning of the clip.
        psnr: of the made frame against the true one, RGB, in dB, at most 100.
        ssim: likewise (Wang et al. 2004, mean of R, G and B).
        haarpsi: likewise (Reisenhofer et al. 2018, colour).
        detail: of the made frame's luma, as a share of the true one's.
        chroma_detail: likewise of both colour differences.
        neighbour_detail: of the made frame's luma, as a share of the mean of both neighbours'.
        blend_psnr: PSNR of the mean of both neighbours.
        motion: in pixels between the two neighbours: 95 % of the picture moves less.
        doubt: doubtful share of the made frame, 0 to 1; None if nothing moves.
        vmaf: 0 to 100, among the kept frames around it, as in a finished film; None if it can't be measured.
    """

    index: int
    seconds: float
    psnr: float
    ssim: float
    haarpsi: float
    detail: float
    chroma_detail: float
    neighbour_detail: float
    blend_psnr: float
    motion: float
    doubt: float | None = None
    vmaf: float | None = None


@dataclass(frozen=True)
class SeenMoment:
    """Pictures of a moment, each H x W x 3 uint8 RGB; doubt only if something moves."""

    moment: Moment
    true: Picture = field(repr=False)
    made: Picture = field(repr=False)
    difference: Picture = field(repr=False)
    flow: Picture = field(repr=False)
    doubt: Picture | None = field(repr=False)


@dataclass(frozen=True)
class CheckResult:
    """The result of a check.

    Attributes:
        frames: number of frames that were examined.
        compared_seconds: length of film that the moments represent.
        moments: in order of time.
        cuts, repeats: times of dropped frames that were not made, because they lay at a cut or between equal frames.
        flickers: (seconds, change): by how many 8-bit codes brightness changed there and changed back.
        worst: the moments with the lowest PSNR, worst first.
        no_vmaf: why there are no VMAF figures; None if there are.
    """

    clip: ClipInfo
    model: str
    frames: int
    compared_seconds: float
    moments: tuple[Moment, ...]
    cuts: tuple[float, ...]
    repeats: tuple[float, ...]
    flickers: tuple[tuple[float, float], ...]
    worst: tuple[SeenMoment, ...]
    no_vmaf: str | None

    def mean(self, name: str) -> float:
        """Return the mean of one of the figures over all moments."""
        return fmean(getattr(moment, name) for moment in self.moments)

    @property
    def flicker(self) -> float:
        """Mean change of brightness that the next frame reverses, in 8-bit codes."""
        return fmean(codes for _, codes in self.flickers) if self.flickers else 0.0


@dataclass(frozen=True)
class CheckRequest(NetworkRequest):
    """What a person asks of ``check``.

    Attributes:
        report: HTML file for a report with pictures.
        full: compare the whole clip, not only ``SAMPLE_SECONDS`` of it.
        input_fps: frame rate of an image sequence.
        deinterlace: deinterlacing of an interlaced clip: ``bob``, ``bwdif``, ``ivtc`` or ``off``.
    """

    report: Path | None = None
    full: bool = False
    input_fps: Fraction | None = None
    deinterlace: str | None = None


@dataclass(frozen=True)
class CheckedClip:
    """The result of a check, and the network that it is about."""

    result: CheckResult
    model: LoadedModel


def check_file(
    source: Path,
    request: CheckRequest,
    progress: Callable[[int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> CheckedClip:
    """Check a clip on disk with the network that the request asks for; a report is not written.

    Args:
        progress: receives the number of frames that are done, and of all.
        note: receives sentences that a person should read.

    Raises:
        IfrplusError: if the clip, the network or the device can't be used.
    """
    clip = deinterlaced(probe(source, request.input_fps), request.deinterlace)
    width, height = clip.upright_size
    work = Work((height, width), (HALF,), dropped_frames(clip, full=request.full))
    model = load_model(choose_network(work, request, note), request.weights)
    result = check_clip(clip, model, full=request.full, progress=progress)
    return CheckedClip(result, model)


def check_clip(
    clip: ClipInfo,
    model: LoadedModel,
    *,
    full: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> CheckResult:
    """Drop every second frame of a clip, make it again, and compare.

    Args:
        clip: the clip.
        model: network loaded for pictures of the clip's upright size.
        full: compare all of it; by default up to ``SAMPLE_SECONDS`` where it changes most, spread over the clip.
        progress: called with the number of finished frames and their total.

    Raises:
        InputError: if the clip has fewer than three frames, or nothing in it can be compared.
    """
    clip = _opaque(clip)
    stretches = [range(len(clip.packet_pts))] if full else sample(clip, SAMPLE_SECONDS)
    wanted = sum(map(len, stretches))
    no_vmaf = why_no_vmaf()
    with nullcontext() if no_vmaf else VmafMeter(clip) as meter:
        run = _HoldOut(clip, Interpolator(model, doubt=True), meter)
        for stretch in stretches_of(clip, stretches, upright=True):
            with suppress(InputError) if len(stretches) > 1 else nullcontext():  # one part may be undecodable
                run.see(stretch, lambda: progress(run.frames, wanted))
        if not run.moments:
            raise InputError(
                f"There is nothing to compare in {clip.path}.", "Give a clip with motion, of three frames or more."
            )
        return run.result(no_vmaf)


def _opaque(clip: ClipInfo) -> ClipInfo:
    """Drop the clip's alpha: colours are compared, including those of transparent pixels."""
    opaque = clip.pixel_format.opaque
    return replace(clip, pixel_format=opaque, decode_format=opaque.name) if clip.pixel_format.alpha else clip


def dropped_frames(clip: ClipInfo, *, full: bool) -> int:
    """Return about how many frames are made again at most."""
    seconds = clip.duration if full else min(float(clip.duration), SAMPLE_SECONDS)
    return math.ceil(seconds * clip.rate / 2)


class _HoldOut:
    """Takes frames one after the other, and collects the results."""

    def __init__(self, clip: ClipInfo, interpolate: Interpolator, meter: VmafMeter | None) -> None:
        self.clip = clip
        self.interpolate = interpolate
        self.meter = meter
        self.metered: list[int | None] = []  # index of each frame given to the meter; None for kept frames
        width, height = clip.upright_size
        self.convert = Converter(clip.pixel_format, clip.colour, width, height)
        self.rgb = RgbMemory(self.convert.to_rgb, FRAMES_SEEN)
        self.moments: list[Moment] = []
        self.worst: list[tuple[float, int, SeenMoment]] = []  # a heap: the best of them first
        self.frames = 0
        self.cuts: list[float] = []
        self.repeats: list[float] = []
        self.flickers: list[tuple[float, float]] = []

    def see(self, stretch: Iterable[tuple[int, Frame]], advance: Callable[[], None]) -> None:
        """Make every second frame of a stretch again from the others, as the program would."""
        dropped: deque[tuple[int, Frame]] = deque()
        kept = self._kept(stretch, dropped, advance)
        for before, pair, after in with_neighbours(pair_frames(kept, pixel_format=self.clip.pixel_format)):
            index, frame = dropped.popleft()
            if pair.index == 0:
                self._meter(pair.left)
            if pair.kind is PairKind.MOTION:
                self._meter(frame, index, self._compare(index, frame, before, pair, after))
            else:
                (self.cuts if pair.kind is PairKind.CUT else self.repeats).append(self._seconds(frame))
                self._meter(frame)
            self._meter(pair.right)

    def _kept(
        self, stretch: Iterable[tuple[int, Frame]], dropped: deque[tuple[int, Frame]], advance: Callable[[], None]
    ) -> Iterator[Frame]:
        """Yield the first frame, the third and so on; the others go to ``dropped``."""
        seen: deque[tuple[float, float]] = deque(maxlen=3)
        for place, (number, frame) in enumerate(stretch):
            self.frames += 1
            brightness = float(frame.planes[0].mean()) * 2 ** (8 - self.clip.pixel_format.depth)
            seen.append((self._seconds(frame), brightness))
            if len(seen) == 3:
                self.flickers.append((seen[1][0], _taken_back(*(codes for _, codes in seen))))
            if place % 2:
                dropped.append((number, frame))
            else:
                yield frame
            advance()

    def _seconds(self, frame: Frame) -> float:
        return float(frame.pts - self.clip.start)

    def _meter(self, frame: Frame, index: int | None = None, made: tuple[Plane, ...] | None = None) -> None:
        """Pass a frame to VMAF; it measures motion, so it needs the kept frames too."""
        if self.meter is not None:
            self.meter.write(frame.planes, made or frame.planes)
            self.metered.append(index)

    def _compare(
        self, index: int, frame: Frame, before: Pair | None, pair: Pair, after: Pair | None
    ) -> tuple[Plane, ...]:
        """Make a frame again and measure it; return its planes as they would be stored."""
        t = (frame.pts - pair.left.pts) / pair.length
        ends = self.rgb(pair.left), self.rgb(pair.right)
        around = surroundings(before, pair, after, self.rgb)
        (made,) = self.interpolate.make(self.interpolate.look(*ends, around), [t])
        planes = self.convert.to_planes(made.image)
        self._judge(index, frame, replace(made, image=self.convert.to_rgb(planes)), ends, t)
        return planes

    def _judge(self, index: int, frame: Frame, made: MadeFrame, ends: tuple[Image, Image], t: Fraction) -> None:
        true, made_codes = as_codes(self.convert.to_rgb(frame.planes)), as_codes(made.image)
        mixed = as_codes((1 - float(t)) * ends[0] + float(t) * ends[1])
        flow = _flow(*ends)
        doubt = made.doubt
        detail = detail_of(made_codes)
        against_true, beside = (
            detail.share_of(detail_of(true)),
            detail.share_of(*(detail_of(as_codes(e)) for e in ends)),
        )
        moment = Moment(
            index=index,
            seconds=self._seconds(frame),
            psnr=min(psnr(made_codes, true), LARGEST_PSNR),
            ssim=ssim(*(_enlarged(picture, SSIM_WINDOW) for picture in (made_codes, true))),
            haarpsi=haarpsi(*(_enlarged(picture, SMALLEST_SIDE) for picture in (made_codes, true))),
            detail=against_true.luma,
            chroma_detail=against_true.chroma,
            neighbour_detail=beside.luma,
            blend_psnr=min(psnr(mixed, true), LARGEST_PSNR),
            motion=float(np.quantile(np.linalg.norm(flow, axis=2), FAST_SHARE)),
            doubt=None if doubt is None else doubt.share,
        )
        self.moments.append(moment)
        if len(self.worst) < WORST_MOMENTS or moment.psnr < -self.worst[0][0]:
            doubted = None if doubt is None else doubt_colours(doubt.strength, made_codes)
            flowing = flow_colours(flow, true)
            sight = SeenMoment(moment, true, made_codes, difference(made_codes, true), flowing, doubted)
            heapq.heappush(self.worst, (-moment.psnr, index, sight))
            if len(self.worst) > WORST_MOMENTS:
                heapq.heappop(self.worst)

    def result(self, no_vmaf: str | None) -> CheckResult:
        scores, failed = self.meter.scores() if self.meter is not None else ([], no_vmaf)
        vmaf = {index: score for index, score in zip(self.metered, scores, strict=False) if index is not None}
        sights = [sight for *_, sight in sorted(self.worst, key=lambda entry: -entry[0])]
        return CheckResult(
            clip=self.clip,
            model=self.interpolate.plan.spec.name,
            frames=self.frames,
            compared_seconds=float(2 * len(self.moments) / self.clip.rate),
            moments=tuple(replace(moment, vmaf=vmaf.get(moment.index)) for moment in self.moments),
            cuts=tuple(self.cuts),
            repeats=tuple(self.repeats),
            flickers=tuple(self.flickers),
            worst=tuple(replace(s, moment=replace(s.moment, vmaf=vmaf.get(s.moment.index))) for s in sights),
            no_vmaf=failed,
        )


def _taken_back(one: float, two: float, three: float) -> float:
    """Return how much of a change the next one reverses; 0 for changes that continue, as in a fade."""
    before, after = two - one, three - two
    return min(abs(before), abs(after)) if before * after < 0 else 0.0


def _flow(left: Image, right: Image) -> npt.NDArray[np.float32]:
    """Return the motion in pixels, (H/4, W/4, 2)."""
    return dis_flow(in_whole_cells(left), in_whole_cells(right), MOTION_SCALE)


def _enlarged(picture: Picture, side: int) -> Picture:
    """Repeat the pixels of a picture that is smaller than ``side``, which a measure needs at least."""
    times = -(-side // min(picture.shape[:2]))
    return picture if times == 1 else picture.repeat(times, 0).repeat(times, 1)
