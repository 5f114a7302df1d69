"""The main job: a film in, the same film at a higher frame rate out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial

from ifrplus_cli.errors import memory_errors
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.pipeline.disk_space import check_room, picture_bytes
from ifrplus_cli.pipeline.encoding import Part, encode_frames
from ifrplus_cli.pipeline.fingerprint import Fingerprint
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.journal import Journal, Totals
from ifrplus_cli.pipeline.notes import notes_on, seam_notes
from ifrplus_cli.pipeline.output import check_output
from ifrplus_cli.pipeline.resume import complete, open_journal, resumable
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.pipeline.segments import SegmentEncoder, join_segments
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.pipeline.slots import Wanted
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.pipeline.tally import Tally
from ifrplus_cli.pipeline.trial_mux import try_muxing
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.stopping import StoppedError, StopRequest
from ifrplus_cli.system import peak_memory_mb
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.writing.encode import VideoEncoder


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run.

    Attributes:
        done: number of output frames written.
        expected: number of output frames in all, according to the packets of the source.
        made: number of frames that the network made in this run.
        film_seconds: seconds of the film that this run has written.
        seconds: seconds since the first frame was requested.
        kept: number of output frames of an earlier run that this one continues.
        workers: number of workers; 0 for a run in this process alone.
        sections: number of sections that workers have made, and of all that they are to make.
    """

    done: int
    expected: int
    made: int
    film_seconds: float
    seconds: float
    kept: int = 0
    workers: int = 0
    sections: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Summary:
    """The summary of a finished run.

    Attributes:
        pairs: number of pairs of each kind.
        stage_seconds: seconds for which each stage worked; stages overlap.
        peak_memory_mb: peak memory of this process in megabytes, without ffmpeg's; 0 if it is unknown.
        result: the finished file, probed.
        notes: sentences that a person should read: those of the plan first, then those of the run.
        cuts: the cuts that were detected or given.
        sharpness: detail of made frames as a share of their source frames', on a sample of them; None if it is unknown.
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
    sharpness: float | None = None

    @property
    def seconds_per_frame(self) -> float | None:
        """Seconds per made frame; None if none was made. The slower of motion and network counts: they overlap."""
        spent = self.stage_seconds
        if not self.frames_made or "network" not in spent:
            return None
        return (max(spent["flow"], spent["network"]) + spent["colour"]) / self.frames_made


@dataclass(frozen=True)
class Hooks:
    """What a run tells while it works, and what may stop it.

    Attributes:
        progress: called after each output frame.
        say: receives sentences that a person should read at once.
        stop: can request an end, which comes where nothing is lost.
        record: collects the data of a report on the run.
    """

    progress: Callable[[RunProgress], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    stop: StopRequest = field(default_factory=StopRequest)
    record: RunRecord | None = None


@dataclass(frozen=True)
class _Context:
    """The values that all steps of a run share."""

    job: Job
    model: LoadedModel
    hooks: Hooks
    clock: StageClock = field(default_factory=StageClock)
    sharpness: Sharpness = field(default_factory=Sharpness)


def run_job(
    job: Job,
    model: LoadedModel,
    hooks: Hooks | None = None,
    fill: Callable[[Journal, Sharpness], Totals] | None = None,
) -> Summary:
    """Do the job; the output appears under its name only when it is finished and verified.

    Args:
        model: loaded for pictures of the size of ``job.encode``.
        hooks: what it tells while it works, and what may stop it; by default nobody listens.
        fill: adds the missing segments to the journal of a long run, elsewhere than in this process, and to the sample
            of sharpness.

    Raises:
        IfrplusError: if anything fails; no partial output is left, except the job folder of a long run.
    """
    started = time.perf_counter()
    hooks = hooks or Hooks()
    run = _Context(job, model, hooks)
    with job.target.part() as part:
        check_output(job.clip, job.target, overwrite=job.options.overwrite)
        source = Fingerprint.of(job.clip.path, job.clip.source.files)
        journal = open_journal(job, model, source, hooks.say)
        check_room(job.output.absolute().parent, _needed_bytes(job, journal), hooks.say)
        with resumable(journal), memory_errors():
            if journal is None or journal.state.totals is None:
                try_muxing(job)
            if journal is None:
                totals = _encode(run, VideoEncoder(job.encode, part.path))
            else:
                totals = complete(
                    journal, partial(fill, journal, run.sharpness) if fill else partial(_encode_rest, run, journal)
                )
                source.check_unchanged()
                join_segments(job.encode, journal, part.path)
            source.check_unchanged()
            result, empty_streams = verify(part.path, _promise(job, totals))
            part.publish()
    if journal is not None:
        journal.discard()
    notes = (*job.encode.notes, *totals.notes, *empty_streams)
    summary = _summary(totals, result.moved(job.output), notes, time.perf_counter() - started, run.clock)
    return replace(summary, sharpness=run.sharpness.mean)


def _needed_bytes(job: Job, journal: Journal | None) -> int:
    """Estimate the bytes that the picture needs on disk: the finished one, and the segments it is joined from."""
    whole = picture_bytes(job.encode, job.expected_frames)
    if journal is None:
        return whole
    return whole + picture_bytes(job.encode, max(0, job.expected_frames - journal.frames))


def _encode_rest(run: _Context, journal: Journal) -> Totals:
    """Add the missing segments to a journal."""
    return _encode(run, SegmentEncoder(run.job.encode, journal, run.hooks.stop), journal.frames)


def _encode(run: _Context, encoder: VideoEncoder | SegmentEncoder, kept: int = 0) -> Totals:
    """Encode all output frames; the first ``kept`` of them are already written."""
    job, clip, tally, written = run.job, run.job.clip, Tally(run.job.clip), _Written(run, kept)
    seen = [] if run.hooks.record is None else [run.hooks.record.see_slot]
    encoded = encode_frames(
        job,
        run.model,
        encoder,
        part=Part(Wanted(kept)),
        clock=run.clock,
        watchers=[tally.add, *seen],
        written=lambda frame: written.add(frame, tally.made),
        room=job.output.absolute().parent,
        keeps_seen=bool(seen),
        sharpness=run.sharpness,
    )
    reader, codec = encoded.reader, job.encode.codec
    notes = [
        *notes_on(clip, reader, smoothed=tally.smoothed, covered=encoded.covered, codec=codec),
        *seam_notes(clip, tally.seam),
    ]
    return Totals(
        frames_in=reader.frames,
        frames_out=written.frames,
        made=tally.made_elsewhere + tally.made,
        pairs=tally.pairs,
        start=written.start,
        last=written.last,
        notes=tuple(notes),
        cuts=tuple(tally.cuts),
    )


class _Written:
    """Counts written frames, reports progress after each, and ends the run once a request to stop is granted.

    Attributes:
        frames: number of output frames written so far, with those of an earlier run.
        start, last: times in seconds of the first and last one of this run.
    """

    def __init__(self, run: _Context, kept: int) -> None:
        self.frames, self.start, self.last = kept, Fraction(0), Fraction(0)
        self._run, self._kept, self._began = run, kept, time.perf_counter()

    def add(self, frame: Frame, made: int) -> None:
        """Count a frame; ``made`` is the number of frames that the network has made so far."""
        if self.frames == self._kept:
            self.start = frame.pts
        self.frames, self.last = self.frames + 1, frame.pts
        seconds, film = time.perf_counter() - self._began, float(self.last - self.start)
        expected = self._run.job.expected_frames
        self._run.hooks.progress(RunProgress(self.frames, expected, made, film, seconds, self._kept))
        if self._run.hooks.stop.granted:
            raise StoppedError("The run was asked to stop.")


def _promise(job: Job, totals: Totals) -> Promise:
    origin = job.encode.origin
    return Promise(
        plan=job.encode,
        frames=totals.frames_out,
        start=totals.start - origin,
        last_pts=totals.last - origin,
        duration=totals.last + job.encode.timing.last_duration - totals.start,
    )


def _summary(totals: Totals, result: ClipInfo, notes: tuple[str, ...], seconds: float, clock: StageClock) -> Summary:
    """Return the summary of a run that ends now."""
    return Summary(
        frames_in=totals.frames_in,
        frames_out=totals.frames_out,
        frames_made=totals.made,
        pairs=totals.pairs,
        seconds=seconds,
        stage_seconds=dict(clock.seconds),
        peak_memory_mb=peak_memory_mb() or 0.0,
        result=result,
        notes=notes,
        cuts=totals.cuts,
    )
