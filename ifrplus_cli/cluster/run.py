"""Make a film on the workers of a cluster: planned, joined and checked here, as a film that is made here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli.cluster.connection import connected, local_workers
from ifrplus_cli.cluster.dispatch import Dispatch
from ifrplus_cli.cluster.intake import Intake
from ifrplus_cli.cluster.order import Exam, NetworkOrder, Order
from ifrplus_cli.cluster.sections import Section, of_picture, plan_sections, reading_of, restart, times_of
from ifrplus_cli.cluster.shipping import check_shippable, piece_for
from ifrplus_cli.cluster.terms import terms_of_client
from ifrplus_cli.cluster.trial import with_threads
from ifrplus_cli.cluster.workers import Workers
from ifrplus_cli.errors import ClusterError, ModelError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.network.interpolator import Batch, LoadedModel, load_for_run
from ifrplus_cli.network.plan import NetworkPlan
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.fingerprint import Fingerprint
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.journal import Journal, Totals
from ifrplus_cli.pipeline.resume import keeps_segments
from ifrplus_cli.pipeline.run import Hooks, RunProgress, Summary, run_job
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.stopping import StoppedError
from ifrplus_cli.video.reading.decode import seeks_exactly
from ifrplus_cli.weights.manifest import find_weights

if TYPE_CHECKING:
    from distributed import Client

WAIT_S = 0.2
GONE = "The scheduler {} is gone."
LOSSES = (ConnectionRefusedError, ConnectionResetError, ConnectionAbortedError, TimeoutError)


@dataclass(frozen=True)
class ClusterRun:
    """Makes films on a cluster; what ``pipeline.films`` needs to make them elsewhere than here.

    Attributes:
        cluster: ``local``, ``local:N`` or the address of a scheduler.
        ships: whether pieces of the source are sent.
    """

    cluster: str
    ships: bool = False

    def load(self, plan: NetworkPlan, weights: Path | None) -> LoadedModel:
        """Return the network without loading it: only workers run it.

        Raises:
            ModelError: if its weights are missing here.
        """
        path = weights or find_weights(plan.spec.weights)
        if path is None or not path.is_file():
            return load_for_run(plan, weights)  # which says what is missing
        return LoadedModel(plan, _run_elsewhere, path.absolute(), sha256_of(path))

    def run(self, job: Job, model: LoadedModel, hooks: Hooks) -> Summary:
        """Do the job, as ``run_job`` does; a film that is too short to be divided, or can't be, is made here.

        Raises:
            IfrplusError: if anything fails; no partial output is left, except the job folder.
        """
        if not keeps_segments(job):
            hooks.say("The film is made in this process: it is short, or can't be joined from segments.")
            if model.network is _run_elsewhere:
                model = load_for_run(model.plan, model.weights_path)
            return run_job(job, model, hooks)
        if self.ships:
            check_shippable(job)
        film = replace(job, clip=job.clip.moved(job.clip.path.absolute()))
        run = _Run(film, model, hooks, self.cluster, self.ships)
        return run_job(job, model, hooks, fill=run.fill)


def _run_elsewhere(*_: Batch) -> Batch:
    raise ModelError("The network is not loaded here: workers run it.")


@dataclass(frozen=True)
class _Run:
    """One film on its way."""

    job: Job
    model: LoadedModel
    hooks: Hooks
    cluster: str
    ships: bool

    def fill(self, journal: Journal, sharpness: Sharpness) -> Totals:
        """Add the missing segments to a journal."""
        job = replace(self.job, encode=with_threads(self.job.encode, self.job.output.absolute().parent))
        network = NetworkOrder.of(self.model.plan, self._weights())
        source = None if self.ships else Fingerprint.of(job.clip.path, job.clip.source.files)
        exam = Exam(network, source, of_picture(job.encode))
        terms = terms_of_client(exam, self.model.weights_sha256)
        with connected(self.cluster) as client, self._reporting_loss(client):
            workers = Workers(client, self.cluster, exam, terms, self.hooks.say)
            self._await_workers(client, workers)
            count = local_workers(self.cluster) or workers.usable
            sections = plan_sections(job, journal.frames, segments.FRAMES, count)
            planned = next(times_of(job, sections[0]))

            def order(section: Section) -> Order:
                reading = reading_of(job, section)
                zero = next((each.start for each in journal.state.segments), None if section.whole else planned)
                return Order(
                    section=section,
                    reading=reading,
                    network=network,
                    segment_frames=segments.FRAMES,
                    start=job.clip.start,
                    zero=zero,
                    source=source,
                    piece=piece_for(reading, journal.folder.parent) if self.ships else None,
                    records=self.hooks.record is not None,
                )

            dispatch = Dispatch(client, workers, order, lambda: self._check(client))
            intake = Intake(job, journal, segments.FRAMES, sharpness, self.hooks.record)
            try:
                return self._take_all(sections, dispatch, intake, workers, journal)
            finally:
                dispatch.withdraw()

    def _weights(self) -> Path | None:
        """Return the file of weights that was asked for; None if each worker finds its own."""
        path, found = self.model.weights_path, find_weights(self.model.plan.spec.weights)
        return None if found is not None and found.absolute() == path else path

    def _take_all(
        self,
        sections: tuple[Section, ...],
        dispatch: Dispatch,
        intake: Intake,
        workers: Workers,
        journal: Journal,
    ) -> Totals:
        began, kept, number = time.perf_counter(), journal.frames, 0
        if not seeks_exactly(self.job.clip):
            self.hooks.say(
                "Each worker decodes the film from its start: this kind of file can't be read from the middle."
            )
        while number < len(sections):
            section = sections[number]
            # The times of all segments count from the first frame, which is not known of a damaged film.
            known = journal.state.segments or not section.whole
            made = dispatch.next(sections[number:] if known else sections[number : number + 1])
            if made.astray:
                self.hooks.say(f"{made.astray} From section {number + 1} on the film is decoded from its start.")
                dispatch.withdraw()
                sections = restart(sections, number)
                continue
            try:
                intake.take(section, made)
            except ClusterError as fault:
                dispatch.refuse(section, made.worker, fault)
                continue
            number += 1
            self._report(journal, kept, intake.made, began, len(workers.accepted), (number, len(sections)))
        return intake.totals()

    def _report(
        self, journal: Journal, kept: int, made: int, began: float, workers: int, sections: tuple[int, int]
    ) -> None:
        if journal.frames == kept:
            return
        first = journal.state.segments[0].start
        film, seconds = float(journal.state.segments[-1].last - first), time.perf_counter() - began
        done, expected = journal.frames, self.job.expected_frames
        self.hooks.progress(RunProgress(done, expected, made, film, seconds, kept, workers, sections))

    def _await_workers(self, client: Client, workers: Workers) -> None:
        """Wait until there is a worker that can be used."""
        workers.look()
        while not workers.accepted:
            self._check(client)
            time.sleep(WAIT_S)
            workers.look()

    def _check(self, client: Client) -> None:
        """Notice that the run must end."""
        if self.hooks.stop.granted:
            raise StoppedError("The run was asked to stop.")
        if client.status != "running":
            raise self._gone()

    @contextmanager
    def _reporting_loss(self, client: Client) -> Iterator[None]:
        """Say of an error of the connection that the scheduler is gone."""
        from distributed.client import ClosedClientError

        try:
            yield
        except ClosedClientError as error:
            raise self._gone() from error
        except RuntimeError as error:
            if client.status == "running":
                raise
            raise self._gone() from error
        except OSError as error:
            if error.errno is not None and not isinstance(error, LOSSES):
                raise  # of a file, a program or the memory of this machine: Dask's own have no number
            raise self._gone() from error

    def _gone(self) -> ClusterError:
        return ClusterError(GONE.format(self.cluster), "" if local_workers(self.cluster) else "Start it again.")
