"""Make films from one request: each is planned and run, and films of one size share a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from ifrplus_cli.errors import IfrplusError, ModelError
from ifrplus_cli.files import check_place
from ifrplus_cli.frames.cut_list import read_cuts, write_cuts
from ifrplus_cli.frames.pairing import DEFAULT_CUT_THRESHOLD
from ifrplus_cli.network.choose import Work, choose_network
from ifrplus_cli.network.interpolator import LoadedModel, load_for_run
from ifrplus_cli.network.plan import NetworkPlan, timing_notes
from ifrplus_cli.pipeline.cost import Cost, try_cost
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.preview import Preview, make_preview
from ifrplus_cli.pipeline.request import UpsampleRequest
from ifrplus_cli.pipeline.resume import kept_for, refuse_to_start_over
from ifrplus_cli.pipeline.run import Hooks, RunProgress, Summary, run_job
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.stopping import Interrupted, StopRequest
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.formats.images import is_sequence
from ifrplus_cli.video.reading.interlace import deinterlaced
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

Advance = Callable[[RunProgress], None]


@contextmanager
def _unseen() -> Iterator[Advance]:
    yield lambda _: None


@dataclass(frozen=True)
class Listener:
    """Callbacks for events while films are made; by default they do nothing.

    Attributes:
        note: receives sentences that a person should read.
        step: receives a sentence about the current step.
        planned: receives each job with the plan of its network, before the network is loaded.
        loaded: receives each network that is about to be used.
        progress: opens a display of the progress of one film.
        may_replace: returns whether the output of a source may be replaced without ``overwrite``.
    """

    note: Callable[[str], None] = lambda _: None
    step: Callable[[str], None] = lambda _: None
    planned: Callable[[Job, NetworkPlan], None] = lambda *_: None
    loaded: Callable[[LoadedModel], None] = lambda _: None
    progress: Callable[[], AbstractContextManager[Advance]] = _unseen
    may_replace: Callable[[Path, Path], bool] = lambda *_: False


@contextmanager
def said_to_be_finished(film: Path) -> Iterator[None]:
    """Say in an error of what comes after a film that the film is there."""
    try:
        yield
    except IfrplusError as error:
        error.message = f"{error.message} The film {film} is finished."
        raise


class Place(Protocol):
    """Where films are made: in this process, or on other machines."""

    def load(self, plan: NetworkPlan, weights: Path | None) -> LoadedModel:
        """Return the network, ready for ``run``."""

    def run(self, job: Job, model: LoadedModel, hooks: Hooks) -> Summary:
        """Do a job, as ``run_job`` does."""


class Here:
    """This process."""

    def load(self, plan: NetworkPlan, weights: Path | None) -> LoadedModel:
        return load_for_run(plan, weights)

    def run(self, job: Job, model: LoadedModel, hooks: Hooks) -> Summary:
        return run_job(job, model, hooks)


@dataclass(frozen=True)
class FinishedFilm:
    """A film that was made and verified.

    Attributes:
        record: the data of a report; None unless the request asks for a report.
    """

    job: Job
    model: LoadedModel
    summary: Summary
    record: RunRecord | None


@dataclass(frozen=True)
class Trial:
    """A run that was only planned and tried.

    Attributes:
        clip: the whole source.
        cost: estimated cost of the run; None if the network would make no frames, or if it can't be measured.
        failure: why it can't be measured.
    """

    clip: ClipInfo
    job: Job
    network: NetworkPlan
    cost: Cost | None
    failure: str | None = None


class Films:
    """Makes films from one request, one after the other."""

    def __init__(
        self,
        request: UpsampleRequest,
        listener: Listener | None = None,
        stop: StopRequest | None = None,
        model: LoadedModel | None = None,
        *,
        keeps_frames: bool = True,
        place: Place | None = None,
    ) -> None:
        """
        Args:
            stop: can request an end, which comes after the segment in progress.
            model: the network to use for all films; by default one is chosen for each.
            place: where films are made; by default in this process. Previews and trials always are.
            keeps_frames: whether an interrupted long run keeps its frames beside the output, for ``resume``.
        """
        self.request = request
        self._listener = listener or Listener()
        self._stop = stop or StopRequest()
        self._keeps_frames = keeps_frames
        self._place = Here() if place is None or request.preview is not None or request.dry_run else place
        self._given = model
        self._loaded: tuple[NetworkPlan, LoadedModel] | None = None

    def make(self, source: Path, output: Path) -> FinishedFilm | Preview | Trial:
        """Make one film, or its preview, or only try it, as the request says.

        Raises:
            IfrplusError: if anything fails; no partial output is left.
        """
        request = self.request
        others = (source, output, request.weights)
        if request.cuts_out is not None:
            check_place(request.cuts_out, "--cuts-out", others)
        if request.report is not None:
            check_place(request.report, "--report", (*others, request.cuts_in, request.cuts_out))
        clip = deinterlaced(probe(source, request.input_fps, read_sound=True), request.deinterlace)
        if not (request.overwrite or request.resume or request.dry_run or request.preview):
            # before somebody is asked whether an older film may be replaced
            refuse_to_start_over(target_of(output, clip.source.image_suffix).path)
        replaces = request.overwrite or request.dry_run or self._listener.may_replace(source, output)
        options = replace(job_options(request, clip, overwrite=replaces), keeps_frames=self._keeps_frames)
        if request.preview is not None:
            self._listener.step("Searching for the section with the most motion.")
            with self._listener.progress() as advance:
                return make_preview(clip, output, options, request.preview, self._model_for, advance)
        job = plan_job(clip, output, options)
        network = self._plan(job)
        if request.dry_run:
            return Trial(clip, job, network, *try_cost(clip, job, self._load(network)))
        return self._run(job, network)

    def _run(self, job: Job, network: NetworkPlan) -> FinishedFilm:
        request, listener = self.request, self._listener
        listener.planned(job, network)
        model = self._load(network)
        listener.loaded(model)
        for note in (*network.notes, *job.encode.notes):
            listener.note(note)
        record = None if request.report is None else RunRecord(job.clip.start, job.clip.pixel_format)
        try:
            with listener.progress() as advance:
                summary = self._place.run(job, model, Hooks(advance, listener.note, self._stop, record))
        except Interrupted:
            raise Interrupted(kept_for(job.output)) from None
        except ModelError:
            self._loaded = None  # the network failed, so the next film gets a new one
            raise
        if request.cuts_out is not None:
            with said_to_be_finished(job.output):
                write_cuts(request.cuts_out, summary.cuts)
        return FinishedFilm(job, model, summary, record)

    def _plan(self, job: Job) -> NetworkPlan:
        if self._given is None:
            return choose_network(work_of(job), self.request, self._listener.note)
        work, plan = work_of(job), self._given.plan
        wanted, tiles = work.size, plan.tiles
        if wanted != (tiles.height, tiles.width):
            raise ModelError(
                f"The network was loaded for frames of {tiles.width}x{tiles.height}, not {wanted[1]}x{wanted[0]}.",
                f"Use load_model({wanted}) for this film.",
            )
        return replace(plan, notes=timing_notes(plan.spec, work.timesteps))

    def _model_for(self, job: Job) -> LoadedModel:
        return self._load(self._plan(job))

    def _load(self, network: NetworkPlan) -> LoadedModel:
        """Return the network of the previous film if this one needs the same, or load a new one."""
        if self._given is not None:
            return self._given
        if self._loaded is None or not _are_alike(self._loaded[0], network):
            self._loaded = None  # frees its memory first
            self._loaded = network, self._place.load(network, self.request.weights)
        model = self._loaded[1]
        return replace(model, plan=replace(model.plan, reasons=network.reasons, notes=network.notes))


def _are_alike(one: NetworkPlan, other: NetworkPlan) -> bool:
    """Return whether two plans need the same network; reasons and notes concern the film only."""
    return replace(one, reasons=(), notes=()) == replace(other, reasons=(), notes=())


def try_film(source: Path, request: UpsampleRequest, note: Callable[[str], None] = lambda _: None) -> Trial:
    """Plan how ``upsample`` would process a film, and estimate the cost.

    Raises:
        IfrplusError: if the film can't be made.
    """
    clip = probe(source, request.input_fps, read_sound=True)
    stem = (source.name if source.is_dir() else "images") if is_sequence(source) else source.stem
    output, options = source.parent / f"{stem}-upsampled.mp4", job_options(request, clip, overwrite=True)
    job = plan_job(clip, output, options, writes=False)
    network = choose_network(work_of(job), request, note)
    return Trial(clip, job, network, *try_cost(clip, job, load_for_run(network, request.weights)))


def job_options(request: UpsampleRequest, clip: ClipInfo, *, overwrite: bool) -> UpsampleOptions:
    """Return the options for the job of one film.

    Args:
        clip: the whole film, to which a list of cuts refers.

    Raises:
        InputError: if the list of cuts can't be read.
    """
    threshold = DEFAULT_CUT_THRESHOLD if request.cut_threshold is None else request.cut_threshold
    return UpsampleOptions(
        factor=request.factor or Fraction(2),
        fps=request.fps,
        slow_motion=request.slow_motion,
        loop=request.loop,
        start=request.start,
        end=request.end,
        smooth_duplicates=request.duplicates == "smooth",
        cut_threshold=threshold if request.cuts else None,
        cuts=None if request.cuts_in is None else read_cuts(request.cuts_in, clip),
        cut_fill=request.cut_fill,
        encode=EncodeOptions(
            codec=request.codec,
            crf=request.crf,
            preset=request.preset,
            pix_fmt=request.pix_fmt,
            encoder_args=request.encoder_args,
            sound=request.audio,
            purpose=request.purpose,
        ),
        overwrite=overwrite,
        resume=request.resume,
    )


def work_of(job: Job) -> Work:
    """Return the work that a job asks of its network."""
    made = job.made_timesteps()
    return Work((job.encode.height, job.encode.width), tuple(dict.fromkeys(made)), len(made))
