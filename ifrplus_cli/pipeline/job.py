"""All decisions about a run before the first frame, except those about the network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from ifrplus_cli.errors import InputError
from ifrplus_cli.frames.pairing import DEFAULT_CUT_THRESHOLD
from ifrplus_cli.frames.timeline import (
    ConstantTimeline,
    FactorTimeline,
    SlowMotionTimeline,
    Timeline,
    last_tick,
    rate_text,
    timesteps,
)
from ifrplus_cli.pipeline.notes import loop_notes
from ifrplus_cli.pipeline.output import check_output
from ifrplus_cli.values import ClipInfo, Timing
from ifrplus_cli.video.formats.containers import check_pace
from ifrplus_cli.video.reading.trim import Moment, cut_section
from ifrplus_cli.video.writing.encode_plan import EncodePlan, origin_of, plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.target import Target
from ifrplus_cli.video.writing.targets import target_of

NEARLY = Fraction(99, 100)  # of the nominal rate of a film with a variable rate, which is an estimate


@dataclass(frozen=True)
class UpsampleOptions:
    """The options of a run.

    Attributes:
        factor: output frames for each source frame, above 1.
        fps: constant output rate in frames per second, instead of the factor.
        slow_motion: keep the source's rate; everything lasts ``factor`` times as long.
        loop: make the frames from the last one back to the first, too.
        start, end: the section of the film that is used; None for the film's own start and end.
        smooth_duplicates: interpolate across frames that repeat the one before them.
        cut_threshold: score, 0 to 1, above which two frames count as a cut; None for no cut detection.
        cuts: numbers of the source frames that begin a scene, instead of detection.
        cut_fill: ``hold`` repeats the left frame across a cut, ``blend`` mixes both.
        overwrite: replace an existing output.
        resume: continue an interrupted run.
        keeps_frames: keep the frames of a long run beside the output until it is done, for ``resume``.
    """

    factor: Fraction = Fraction(2)
    fps: Fraction | None = None
    slow_motion: bool = False
    loop: bool = False
    start: Moment | None = None
    end: Moment | None = None
    smooth_duplicates: bool = False
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD
    cuts: frozenset[int] | None = None
    cut_fill: str = "hold"
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    overwrite: bool = False
    resume: bool = False
    keeps_frames: bool = True


@dataclass(frozen=True)
class Job:
    """All decisions before the first frame, except those about the network."""

    clip: ClipInfo
    options: UpsampleOptions
    timeline: Timeline
    encode: EncodePlan

    @property
    def target(self) -> Target:
        """The target that is written."""
        return self.encode.target

    @property
    def output(self) -> Path:
        """The path that appears when the run is done: a file, or the folder of images."""
        return self.target.path

    @property
    def expected_frames(self) -> int:
        """Number of output frames, according to the packets of the source."""
        return self.timeline.count(len(self.clip.packet_pts), self.clip.end)

    def made_timesteps(self) -> list[Fraction]:
        """Return the timestep of each output frame that lies between two source frames: it is made if they differ."""
        seam = [self.clip.end] if self.options.loop else []
        return list(timesteps(self.timeline, [*self.clip.times, *seam]))


def plan_job(clip: ClipInfo, output: Path, options: UpsampleOptions, *, writes: bool = True) -> Job:
    """Decide everything about a run; nothing is decoded or written.

    Args:
        writes: whether the output will be written; otherwise nobody looks at its place.

    Raises:
        IfrplusError: if the output can't be written or an option can't be met.
    """
    target = target_of(output, clip.source.image_suffix)
    if writes:
        check_output(clip, target, overwrite=options.overwrite)
    clip = cut_section(clip, options.start, options.end)
    timeline = _timeline(clip, options)
    encode = plan_encode(
        clip,
        target,
        options.encode,
        Timing(
            time_base=timeline.time_base(clip.time_base),
            rate=timeline.rate(clip.rate),
            last_duration=timeline.shown(clip.end) - last_tick(timeline, clip.times, clip.end).pts,
        ),
        stretch=_stretch(options),
    )
    check_pace(encode.container, _shortest(timeline, clip))
    if options.loop:
        encode = replace(encode, notes=(*encode.notes, *loop_notes(encode)))
    return Job(clip, options, timeline, encode)


def _shortest(timeline: Timeline, clip: ClipInfo) -> Fraction:
    """Return the shortest time in seconds for which an output frame is shown, as far as the packets show."""
    gaps = (after - before for before, after in pairwise(clip.times))
    return timeline.shortest(min((gap for gap in gaps if gap > 0), default=1 / clip.rate))


def _stretch(options: UpsampleOptions) -> Fraction:
    return options.factor if options.slow_motion else Fraction(1)


def _timeline(clip: ClipInfo, options: UpsampleOptions) -> Timeline:
    if options.slow_motion:
        return SlowMotionTimeline(options.factor, origin_of(clip, options.factor))
    if options.fps is None:
        return FactorTimeline(options.factor)
    _check_rate(clip, options.fps)
    # Times that are stored as whole milliseconds, for example, are off by up to one millisecond.
    rounded = (1 / clip.rate) % clip.time_base != 0
    return ConstantTimeline(options.fps, clip.start, clip.time_base if rounded else Fraction(0))


def _check_rate(clip: ClipInfo, wanted: Fraction) -> None:
    """Refuse a rate that would drop frames, or change nothing."""
    if wanted == clip.rate and not clip.variable_rate:
        raise InputError(
            f"{clip.path.name} already has {rate_text(clip.rate)} frames per second.", "Give a higher --fps."
        )
    if wanted < clip.rate * (NEARLY if clip.variable_rate else 1):
        raise InputError(
            f"{clip.path.name} has {rate_text(clip.rate)} frames per second; {rate_text(wanted)} would drop some.",
            "Give a higher --fps; ffmpeg -i IN -r RATE OUT lowers a rate.",
        )
