"""The main job: a film in, the same film at a higher frame rate out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial

from ifrplus_cli.errors import memory_errors
from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.pipeline.disk_space import check_room, picture_bytes, watch_room
from ifrplus_cli.pipeline.filler import SlotFiller
from ifrplus_cli.pipeline.fingerprint import Fingerprint
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.journal import Journal, Totals
from ifrplus_cli.pipeline.loop import read_tail
from ifrplus_cli.pipeline.notes import notes_on, seam_notes
from ifrplus_cli.pipeline.output import check_output
from ifrplus_cli.pipeline.output_frames import mixer
from ifrplus_cli.pipeline.over_white import OverWhite
from ifrplus_cli.pipeline.resume import complete, open_journal, resumable
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.pipeline.segments import SegmentEncoder, join_segments
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.pipeline.stages import output_of
from ifrplus_cli.pipeline.tally import Tally
from ifrplus_cli.pipeline.trial_mux import try_muxing
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.stopping import StoppedError, StopRequest
from ifrplus_cli.system import peak_memory_mb
from ifrplus_cli.values import ClipInfo, Frame
from ifrplus_cli.video.decode import decode
from ifrplus_cli.video.encode import VideoEncoder


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
    """

    done: int
    expected: int
    made: int
    film_seconds: float
    seconds: float
    kept: int = 0


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
class _Context:
    """The values that all steps of a run share.

    Attributes:
        progress: called after each output frame.
        record: collects the data of a report on the run.
    """

    job: Job
    model: LoadedModel
    progress: Callable[[RunProgress], None]
    stop: StopRequest
    record: RunRecord | None
    clock: StageClock = field(default_factory=StageClock)
    sharpness: Sharpness = field(default_factory=Sharpness)


def run_job(
    job: Job,
    model: LoadedModel,
    progress: Callable[[RunProgress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    stop: StopRequest | None = None,
    record: RunRecord | None = None,
) -> Summary:
    """Do the job; the output appears under its name only when it is finished and verified.

    Args:
        model: loaded for pictures of the size of ``job.encode``.
        progress: called after each output frame.
        say: receives sentences that a person should read at once.
        stop: can request an end, which comes where nothing is lost.
        record: collects the data of a report on the run.

    Raises:
        IfrplusError: if anything fails; no partial output is left, except the job folder of a long run.
    """
    started = time.perf_counter()
    run = _Context(job, model, progress, stop or StopRequest(), record)
    with job.target.part() as part:
        check_output(job.clip, job.target, overwrite=job.options.overwrite)
        source = Fingerprint.of(job.clip.path, job.clip.source.files)
        journal = open_journal(job, model, source, say)
        check_room(job.output.absolute().parent, _needed_bytes(job, journal), say)
        with resumable(journal), memory_errors():
            if journal is None or journal.state.totals is None:
                try_muxing(job)
            if journal is None:
                totals = _encode(run, VideoEncoder(job.encode, part.path))
            else:
                segments, kept = SegmentEncoder(job.encode, journal, run.stop), journal.frames
                totals = complete(journal, lambda: _encode(run, segments, kept))
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


def _encode(run: _Context, encoder: VideoEncoder | SegmentEncoder, kept: int = 0) -> Totals:
    """Decode, interpolate and encode at the same time; the first ``kept`` output frames are already written."""
    job, clip = run.job, run.job.clip
    convert = Converter(clip.pixel_format, clip.colour, job.encode.width, job.encode.height)
    seen = [] if run.record is None else [run.record.see_slot]
    filler = SlotFiller(run.model, convert, clock=run.clock, keeps_seen=bool(seen), sharpness=run.sharpness)
    stages = partial(output_of, job=job, filler=filler, at_once=run.model.at_once, kept=kept)
    mix = mixer(convert) if job.options.cut_fill == "blend" else None
    opaque = OverWhite(clip.pixel_format, job.encode.raw_format, full_range=clip.colour.range == "pc")
    tally, tail = Tally(clip), read_tail(job)
    with encoder, decode(clip, upright=job.encode.upright) as decoder:
        frames = run.clock.over("decode", iter(decoder))
        # The inner ``decoder`` closes it before the stages that wait for it.
        with stages(frames, mix=mix, watchers=(tally.add, *seen), tail=tail) as output, decoder:
            written = _write(run, output, opaque, encoder, tally, kept)
        with run.clock("encode"):
            encoder.finish()
    notes = [
        *notes_on(clip, decoder, smoothed=tally.smoothed, covered=opaque.covered, codec=job.encode.codec),
        *seam_notes(clip, tally.seam),
    ]
    return Totals(
        frames_in=decoder.frames,
        frames_out=written.frames,
        made=tally.made_before + tally.made,
        pairs=tally.pairs,
        start=written.start,
        last=written.last,
        notes=tuple(notes),
        cuts=tuple(tally.cuts),
    )


@dataclass(frozen=True)
class _Written:
    """The number of output frames written so far, and the times in seconds of the first and last one of this run."""

    frames: int
    start: Fraction = Fraction(0)
    last: Fraction = Fraction(0)


def _write(
    run: _Context,
    frames: Iterator[Frame],
    opaque: OverWhite,
    encoder: VideoEncoder | SegmentEncoder,
    tally: Tally,
    kept: int,
) -> _Written:
    """Encode frames, and report progress after each; raise ``StoppedError`` once a request to stop is granted."""
    started, folder, written = time.perf_counter(), run.job.output.absolute().parent, _Written(kept)
    for frame in frames:
        with run.clock("encode"):
            watch_room(folder)
            encoder.write(opaque(frame))
        start = frame.pts if written.frames == kept else written.start
        written = _Written(written.frames + 1, start, frame.pts)
        seconds, film = time.perf_counter() - started, float(frame.pts - start)
        run.progress(RunProgress(written.frames, run.job.expected_frames, tally.made, film, seconds, kept))
        if run.stop.granted:
            raise StoppedError("The run was asked to stop.")
    return written


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
