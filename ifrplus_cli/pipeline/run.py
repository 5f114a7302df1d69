"""The main job: a film in, the same film at a higher frame rate out."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from ifrplus_cli.errors import telling_of_memory
from ifrplus_cli.files import PartFile, PartFolder
from ifrplus_cli.frames.colour import Converter, RgbMemory, over_white
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.frames.duplicates import thin
from ifrplus_cli.frames.pairing import pair_frames, with_neighbours
from ifrplus_cli.frames.timeline import (
    span_ticks,
)
from ifrplus_cli.network.interpolator import (
    ALONE,
    FRAMES_SEEN,
    Interpolator,
    LoadedModel,
    MadeFrame,
    Motion,
    surroundings,
)
from ifrplus_cli.pipeline.disk_space import check_room, picture_bytes, watch_room
from ifrplus_cli.pipeline.fingerprint import SourceIdentity
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.journal import Journal, Outcome
from ifrplus_cli.pipeline.output import check_output
from ifrplus_cli.pipeline.prefetch import Prefetch, side_by_side
from ifrplus_cli.pipeline.resume import open_journal, resumable
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.pipeline.segments import SegmentEncoder
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.stopping import StoppedError, StopRequest
from ifrplus_cli.values import ClipInfo, Frame, Pair, PairKind, Plane, Tick
from ifrplus_cli.video.containers import write_display_matrix
from ifrplus_cli.video.decode import Decoder
from ifrplus_cli.video.encode import Encoder

PAIRS_AHEAD = 2  # decoded pairs waiting for a look at their motion
FRAMES_AHEAD = 4  # output frames waiting for the encoder


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        done: output frames written.
        expected: output frames in all, going by the packets of the source.
        made: frames that the network made in this run.
        film_seconds: how much of the film was written by this run.
        seconds: since the first frame was asked for.
        kept: output frames of an earlier run that this one goes on with.
    """

    done: int
    expected: int
    made: int
    film_seconds: float
    seconds: float
    kept: int = 0


@dataclass(frozen=True)
class Summary:
    """What a finished run did.

    Attributes:
        pairs: number of pairs of each kind.
        stage_seconds: seconds that each stage worked; stages overlap.
        peak_memory_mb: the most memory this process held, without ffmpeg's.
        notes: sentences a person should read: those of the plan first, then what came up on the way.
    """

    frames_in: int
    frames_out: int
    frames_made: int
    pairs: dict[str, int]
    seconds: float
    stage_seconds: dict[str, float]
    peak_memory_mb: float
    result: ClipInfo = field(repr=False)
    notes: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()

    @property
    def seconds_per_frame(self) -> float | None:
        """What a made frame took: motion is found while the network runs, so the slower of them counts."""
        spent = self.stage_seconds
        if not self.frames_made or "network" not in spent:
            return None
        return (max(spent["flow"], spent["network"]) + spent["colour"]) / self.frames_made


@dataclass(frozen=True)
class Slot:
    """The output frames from a source frame up to the next, and what is known of them before the network.

    Attributes:
        ticks: all of them.
        wanted: those that no earlier run has written.
        motion: of the pair's colours; None where nothing is made.
        alpha: motion of its alpha, where it has one.
    """

    pair: Pair
    ticks: tuple[Tick, ...]
    wanted: tuple[Tick, ...]
    motion: Motion | None = None
    alpha: Motion | None = None

    @property
    def made(self) -> tuple[Tick, ...]:
        """Those that the network makes."""
        if self.pair.kind is not PairKind.MOTION:
            return ()
        return tuple(tick for tick in self.wanted if tick.t > 0)


@dataclass(frozen=True)
class FilledSlot:
    """A slot with the frames that were made for it.

    Attributes:
        made: the planes of each.
        seen: the same as the network made them, where a report is wanted.
    """

    slot: Slot
    made: tuple[tuple[Plane, ...], ...]
    seen: tuple[MadeFrame, ...] = ()


def run_job(
    job: Job,
    model: LoadedModel,
    progress: Callable[[Progress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    stop: StopRequest | None = None,
    record: RunRecord | None = None,
) -> Summary:
    """Do the job; the output appears under its name only when it is finished and verified.

    Args:
        model: loaded for pictures of the size of ``job.encode``.
        say: called with what a person should know at once.
        stop: by which the run can be asked to end where nothing is lost.
        record: is shown what a report tells of the run.

    Raises:
        IfrplusError: whatever goes wrong; no partial output is left, but for the job folder of a long run.
    """
    started = time.perf_counter()
    stop = stop or StopRequest()
    is_images = job.encode.image_names is not None
    with PartFolder(job.output) if is_images else PartFile(job.output) as part:
        check_output(job.clip.path, job.output, overwrite=job.options.overwrite, is_images=is_images)
        source = SourceIdentity.of(job.clip.path, job.clip.stills.files if job.clip.stills else ())
        journal = open_journal(job, model, source, say)
        check_room(job.output.absolute().parent, _needed_bytes(job, journal), say)
        run = _Run(job, model, stop, record)
        with resumable(journal), telling_of_memory():
            outcome = run.encode(journal, part.path, progress)
            source.check_unchanged()
            if journal is not None:
                _join(job, journal, part.path)
                source.check_unchanged()
            if job.clip.display_matrix and not job.encode.upright:
                write_display_matrix(part.path, job.clip.display_matrix)
            result, lacks = verify(part.path, _promise(job, outcome))
            part.publish()
            result = moved_to(result, job.output)
    if journal is not None:
        journal.discard()
    return run.summary(outcome, result, lacks, time.perf_counter() - started)


def moved_to(clip: ClipInfo, path: Path) -> ClipInfo:
    """The clip under another name, or in another folder."""
    if clip.stills is None:
        return replace(clip, path=path)
    files = (path,) if clip.stills.decoder is None else tuple(path / file.name for file in clip.stills.files)
    return replace(clip, path=path, stills=replace(clip.stills, files=files))


def _needed_bytes(job: Job, journal: Journal | None) -> int:
    """About how much room the picture takes: the finished one, and the segments it is joined from."""
    whole = picture_bytes(job.encode, job.expected_frames)
    if journal is None:
        return whole
    return whole + picture_bytes(job.encode, max(0, job.expected_frames - journal.frames))


def _join(job: Job, journal: Journal, path: Path) -> None:
    with Encoder(job.encode, path) as encoder:
        encoder.join(journal.list_segments(), journal.record.segments[0].start)


def _promise(job: Job, outcome: Outcome) -> Promise:
    origin = job.encode.origin
    return Promise(
        plan=job.encode,
        frames=outcome.frames_out,
        start=outcome.start - origin,
        last_pts=outcome.last - origin,
        duration=outcome.last + job.encode.timing.last_duration - outcome.start,
    )


class _Run:
    """One run's stages and what they count; a resumed one counts what it passes over, too."""

    def __init__(self, job: Job, model: LoadedModel, stop: StopRequest, record: RunRecord | None) -> None:
        self.job = job
        self.record = record
        self.stop = stop
        self.clock = StageClock()
        self.pairs: Counter[PairKind] = Counter()
        self.made = 0
        self.kept = 0  # output frames of an earlier run, of which it made ...
        self.made_before = 0
        self.smoothed = 0
        self.cuts: list[Cut] = []
        self.at_once = model.at_once
        self.interpolate = Interpolator(model, doubt=job.options.doubt)
        self.convert = Converter(job.clip.pixel_format, job.clip.colour, job.encode.width, job.encode.height)
        self.rgb = RgbMemory(self.convert.to_rgb, FRAMES_SEEN)
        self.alpha = RgbMemory(self.convert.alpha_as_rgb, FRAMES_SEEN)
        self.interpolate_alpha = Interpolator(model)
        self.covered = 0  # output frames in which something clear was laid over white

    def encode(self, journal: Journal | None, path: Path, progress: Callable[[Progress], None]) -> Outcome:
        """Write all frames to one file, or add those that are missing to a journal."""
        if journal is None:
            return self.encode_to(Encoder(self.job.encode, path), progress)
        if journal.record.outcome is not None:
            return journal.record.outcome
        self.kept = journal.frames
        outcome = self.encode_to(SegmentEncoder(self.job.encode, journal, self.stop), progress)
        segments = journal.record.segments
        outcome = replace(outcome, start=segments[0].start, last=segments[-1].last)
        journal.finish(outcome)
        return outcome

    def encode_to(self, encoder: Encoder | SegmentEncoder, progress: Callable[[Progress], None]) -> Outcome:
        """Decode, interpolate and encode at the same time, each in its own thread."""
        started = time.perf_counter()
        folder = self.job.output.absolute().parent
        written, start, last = self.kept, Fraction(0), Fraction(0)
        with encoder, Decoder(self.job.clip, upright=self.job.encode.upright) as decoder:
            frames = self._decoded(decoder)
            first = next(frames)
            pairs = self._paired(chain([first], frames))
            with (
                Prefetch(pairs, PAIRS_AHEAD) as ahead,
                closing(side_by_side(self._filled, self._slots(ahead), self.at_once)) as slots,
                Prefetch(self._output(first, slots), FRAMES_AHEAD) as output,
                decoder,  # closed before the stages that wait for it
            ):
                for frame in output:
                    with self.clock("encode"):
                        watch_room(folder)
                        encoder.write(self._opaque(frame))
                    start, last = (start, frame.pts) if written > self.kept else (frame.pts, frame.pts)
                    written += 1
                    seconds = time.perf_counter() - started
                    film = float(last - start)
                    progress(Progress(written, self.job.expected_frames, self.made, film, seconds, self.kept))
                    if self.stop.granted:
                        raise StoppedError("The run was asked to stop.")
            with self.clock("encode"):
                encoder.finish()
        pairs_counted = {kind.value: self.pairs[kind] for kind in PairKind}
        notes = tuple(self._source_notes(decoder))
        return Outcome(
            decoder.frames, written, self.made_before + self.made, pairs_counted, start, last, notes, tuple(self.cuts)
        )

    def summary(self, outcome: Outcome, result: ClipInfo, lacks: tuple[str, ...], seconds: float) -> Summary:
        """What the run did, with all that a person should know."""
        kilobyte = 1024
        return Summary(
            frames_in=outcome.frames_in,
            frames_out=outcome.frames_out,
            frames_made=outcome.made,
            pairs=outcome.pairs,
            seconds=seconds,
            stage_seconds=dict(self.clock.seconds),
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobyte,
            result=result,
            notes=(*self.job.encode.notes, *outcome.notes, *lacks),
            cuts=outcome.cuts,
        )

    def _source_notes(self, decoder: Decoder) -> Iterator[str]:
        frames, packets = decoder.frames, len(self.job.clip.packet_pts)
        if complaints := decoder.complaints:
            yield (
                f"The source is damaged: ffmpeg reported {complaints} errors, and {frames} frames could be decoded "
                f"from {packets} packets."
            )
        elif frames < packets:
            yield f"The source has {packets} packets of video, of which {frames} gave a frame."
        if self.job.clip.interlaced and self.job.clip.deinterlace is None:
            yield "The source is marked as interlaced: add --deinterlace bwdif if the result looks combed."
        if self.covered:
            yield (
                f"{self.job.encode.codec} can't store what is clear in the picture: it is laid over white. "
                ".webm, .webp, .apng, PNG and .mov with --for edit keep it."
            )
        if self.smoothed:
            yield f"{self.smoothed} repeated frames of the source were made anew."
        if repaired := decoder.repaired_times:
            yield f"The source gives {repaired} of its frames no usable time; they follow at the nominal rate."

    def _decoded(self, decoder: Decoder) -> Iterator[Frame]:
        frames = iter(decoder)
        while True:
            with self.clock("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _paired(self, frames: Iterator[Frame]) -> Iterator[Pair]:
        options = self.job.options
        if options.smooth_duplicates:
            frames = thin(frames, self.job.clip.pixel_format)
        return pair_frames(
            frames,
            pixel_format=self.job.clip.pixel_format,
            cut_threshold=options.cut_threshold,
            cuts=self._known_cuts(),
        )

    def _known_cuts(self) -> frozenset[int] | None:
        """The cuts that were given, counted from the first frame that is used."""
        cuts, section = self.job.options.cuts, self.job.clip.section
        return cuts if cuts is None or section is None else frozenset(cut - section.number for cut in cuts)

    def _cut(self, pair: Pair) -> Cut:
        section = self.job.clip.section
        first, start = (0, self.job.clip.start) if section is None else (section.number, section.film_start)
        return Cut(first + pair.right_index, pair.right.pts - start, pair.score)

    def _slots(self, pairs: Prefetch[Pair]) -> Iterator[Slot]:
        """The slot of every pair, with its motion; those that an earlier run has written are counted alone."""
        passed = 0
        for before, pair, after in with_neighbours(pairs):
            ticks = self._ticks(pair)
            known, passed = max(0, self.kept - passed), passed + len(ticks)
            slot = Slot(pair, tuple(ticks), tuple(ticks[known:]))
            yield self._looked(before, slot, after) if slot.made else slot

    def _ticks(self, pair: Pair) -> list[Tick]:
        return span_ticks(self.job.timeline, pair.index, (pair.left.pts, *pair.left.repeats, pair.right.pts))

    def _looked(self, before: Pair | None, slot: Slot, after: Pair | None) -> Slot:
        """The slot with the motion of its pair."""
        motion = self._motion(self.interpolate, self.rgb, before, slot.pair, after)
        if not self.job.clip.pixel_format.alpha:
            return replace(slot, motion=motion)
        alpha = self._motion(self.interpolate_alpha, self.alpha, before, slot.pair, after)
        return replace(slot, motion=motion, alpha=alpha)

    def _motion(
        self, interpolate: Interpolator, image_of: RgbMemory, before: Pair | None, pair: Pair, after: Pair | None
    ) -> Motion:
        """Of the pair's colours, or of its alpha."""
        with self.clock("colour"):
            left, right = image_of(pair.left), image_of(pair.right)
            around = surroundings(before, pair, after, image_of) if interpolate.looks_around else ALONE
        with self.clock("flow"):
            return interpolate.look(left, right, around)

    def _filled(self, slot: Slot) -> FilledSlot:
        """The slot with the frames that the network makes for it; many may be filled at the same time."""
        if slot.motion is None:
            return FilledSlot(slot, ())
        steps = [tick.t for tick in slot.made]
        with self.clock("network"):
            made = self.interpolate.make(slot.motion, steps)
            alphas: Sequence[MadeFrame | None] = [None] * len(made)
            if slot.alpha:
                alphas = self.interpolate_alpha.make(slot.alpha, steps)
        with self.clock("colour"):
            planes = [
                self.convert.to_planes(frame.image, alpha.image if alpha else None)
                for frame, alpha in zip(made, alphas, strict=True)
            ]
        return FilledSlot(slot, tuple(planes), tuple(made) if self.record else ())

    def _output(self, first: Frame, slots: Iterator[FilledSlot]) -> Iterator[Frame]:
        """All output frames that are not written yet: of every slot, then of the last frame's, which is held."""
        last, index, passed = first, 0, 0
        for filled in slots:
            slot = filled.slot
            self._count(filled)
            yield from self._frames(filled)
            last, index, passed = slot.pair.right, slot.pair.right_index, passed + len(slot.ticks)
        held = self.job.timeline.ticks(index, last.pts, last.pts + self.job.clip.last_duration)
        for tick in held[max(0, self.kept - passed) :]:
            yield Frame(tick.pts, last.planes)

    def _count(self, filled: FilledSlot) -> None:
        slot, pair = filled.slot, filled.slot.pair
        self.pairs[pair.kind] += 1
        self.smoothed += len(pair.left.repeats)
        if pair.kind is PairKind.CUT:
            self.cuts.append(self._cut(pair))
        if pair.kind is PairKind.MOTION:
            self.made_before += sum(tick.t > 0 for tick in slot.ticks) - len(slot.made)
        if self.record is not None:
            self.record.see_pair(pair)
            for tick, made in zip(slot.made, filled.seen, strict=True):
                assert slot.motion is not None
                images = slot.motion.left, made.image, slot.motion.right
                self.record.see_made(pair, tick.t, images, made.doubt)

    def _frames(self, filled: FilledSlot) -> Iterator[Frame]:
        pair, made = filled.slot.pair, iter(filled.made)
        for tick in filled.slot.wanted:
            if tick.t == 0:
                yield Frame(tick.pts, pair.left.planes)
            elif pair.kind is PairKind.MOTION:
                self.made += 1
                yield Frame(tick.pts, next(made))
            elif pair.kind is PairKind.CUT and self.job.options.cut_fill == "blend":
                yield Frame(tick.pts, self._mixed(pair, tick))
            else:
                yield Frame(tick.pts, pair.left.planes)

    def _mixed(self, pair: Pair, tick: Tick) -> tuple[Plane, ...]:
        """Weighted mean of both frames; of colours as far as they are seen, where there is alpha."""
        share = float(tick.t)
        if not self.job.clip.pixel_format.alpha:
            planes = zip(pair.left.planes, pair.right.planes, strict=True)
            return tuple(np.asarray(cv2.addWeighted(left, 1 - share, right, share, 0)) for left, right in planes)
        image, alpha = (
            cv2.addWeighted(convert(pair.left.planes), 1 - share, convert(pair.right.planes), share, 0)
            for convert in (self.convert.to_rgb, self.convert.alpha_as_rgb)
        )
        return self.convert.to_planes(image, alpha)

    def _opaque(self, frame: Frame) -> Frame:
        """The frame over white where the output can't hold its alpha."""
        own = self.job.clip.pixel_format
        if own == self.job.encode.raw_format:
            return frame
        self.covered += bool((frame.planes[3] != 2**own.depth - 1).any())
        full_range = self.job.clip.colour.range == "pc"
        return Frame(frame.pts, over_white(frame.planes, own, full_range=full_range))
