"""Continue a long run: what it keeps for the next one, and what that must have in common with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli import __version__
from ifrplus_cli.errors import IfrplusError, InputError, OutputError
from ifrplus_cli.network.engine import engine_version
from ifrplus_cli.pipeline.journal import RECORD, SUFFIX, Journal, Totals, folder_of
from ifrplus_cli.pipeline.segments import is_long
from ifrplus_cli.stopping import StoppedError
from ifrplus_cli.video.ffmpeg import tool_version
from ifrplus_cli.video.reading.alpha import is_beside

if TYPE_CHECKING:
    from ifrplus_cli.network.interpolator import LoadedModel
    from ifrplus_cli.pipeline.fingerprint import Fingerprint
    from ifrplus_cli.pipeline.job import Job

NOTHING_KEPT = "nothing was written."
UNHELD = {"libvpx", "rawvideo"}  # encoders whose pictures no segment holds
NOT_TERMS = {"encode", "overwrite", "resume", "keeps_frames"}  # options that the plan contains, or that change no frame


def open_journal(job: Job, model: LoadedModel, source: Fingerprint, say: Callable[[str], None]) -> Journal | None:
    """Return the journal that a run adds to; None for a run that is too short to need one.

    Raises:
        InputError: if the run to be continued had other options or another source.
        OutputError: if a journal exists that can't be read, or that should be neither continued nor replaced.
    """
    folder, options = folder_of(job.output), job.options
    keeps, terms = keeps_segments(job), terms_of(job, model, source)
    if not _is_there(folder / RECORD):  # a run that was killed in its first segment leaves none
        if options.resume:
            if (finished := find_finished(job.output, terms)) is not None:
                say(f"The frames in {finished.folder} are used.")
                return _continued(finished, job, terms, say)
            say("There is nothing to resume: the run starts from the beginning.")
        return Journal.of(job.output, terms) if keeps else None
    if options.resume:
        return _continued(Journal.read(folder), job, terms, say)
    if not options.overwrite:
        refuse_to_start_over(job.output)
    journal = Journal.of(job.output, terms)
    journal.discard()
    return journal if keeps else None


def refuse_to_start_over(output: Path) -> None:
    """
    Raises:
        OutputError: if there are frames of an unfinished run for this output.
    """
    folder = folder_of(output)
    if _is_there(folder / RECORD):
        raise OutputError(
            f"{folder} holds the frames of an unfinished run.", "Continue it with --resume, or start over with -y."
        )


def keeps_segments(job: Job) -> bool:
    """Return whether a film is written in segments: it must be long, and of a kind that can be joined from them."""
    keeps = job.options.keeps_frames and is_long(job.expected_frames) and job.target.joins_segments
    # Segments are mov or mp4, which keep all times, and take no VP8, and no alpha beside the picture.
    held = job.encode.codec not in UNHELD and not is_beside(job.encode.codec, job.encode.pix_fmt)
    return keeps and held


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


@contextmanager
def resumable(journal: Journal | None) -> Iterator[None]:
    """Say in the error of a failed run what is kept; a job folder without a finished segment is removed."""
    try:
        yield
    except StoppedError as stopped:
        raise StoppedError(kept_by(journal) if journal is not None else NOTHING_KEPT) from stopped
    except IfrplusError as error:
        if journal is not None and journal.frames and journal.folder.is_dir():
            error.hint = f"{error.hint} {kept_by(journal)}".lstrip()
        raise
    finally:
        if journal is not None and not journal.frames:
            journal.discard()


def complete(journal: Journal, encode: Callable[[], Totals]) -> Totals:
    """Add the missing frames to a journal, and return the totals of all frames.

    Args:
        encode: writes the missing frames, and returns the totals with their own start.

    Raises:
        IfrplusError: if ``encode`` fails.
    """
    if journal.state.totals is not None:
        return journal.state.totals
    totals = encode()
    segments = journal.state.segments
    totals = replace(totals, start=segments[0].start, last=segments[-1].last)
    journal.finish(totals)
    return totals


def kept_by(journal: Journal) -> str:
    """Return a sentence that says what is kept, and how to continue."""
    if not journal.frames:
        return NOTHING_KEPT
    if journal.state.totals is not None:
        return (
            f"All {journal.frames} frames are kept: --resume makes the film from them, under this name or with another "
            "extension, with this version or a later one."
        )
    return f"{journal.frames} frames are kept: the same command with --resume continues from there."


def kept_for(output: Path) -> str:
    """Return the same sentence for an output, from its job folder."""
    try:
        return kept_by(Journal.read(folder_of(output)))
    except OutputError:
        return NOTHING_KEPT


def find_finished(output: Path, terms: Mapping[str, str]) -> Journal | None:
    """Return the journal of all frames of the same film, left by a run to another kind of file; None without one."""
    for folder in sorted(output.parent.glob(f"{escape(output.stem)}.*{SUFFIX}")):
        with suppress(OutputError, InputError):
            journal = Journal.read(folder)
            if journal.state.totals is not None:
                journal.check_terms(terms)
                return journal
    return None


def _continued(journal: Journal, job: Job, terms: Mapping[str, str], say: Callable[[str], None]) -> Journal:
    journal.check_terms(terms)
    if dropped := journal.drop_damaged():
        say(f"{dropped} segments of the earlier run are damaged, and are made again.")
    say(f"{journal.frames} of {job.expected_frames} frames already exist; the source is first decoded up to there.")
    return journal


def terms_of(job: Job, model: LoadedModel, source: Fingerprint) -> dict[str, str]:
    """Return everything that affects the frames, under names that a person understands."""
    plan, encode, options = model.plan, job.encode, job.options
    chosen = {field.name: getattr(options, field.name) for field in fields(options) if field.name not in NOT_TERMS}
    terms = {
        "size of the source": source.size,
        "date of the source": source.modified,
        "content of the source": source.sha256,
        "ifrplus": __version__,
        "ffmpeg": tool_version("ffmpeg").partition(" (")[0],
        **engine_version(plan.engine),
        **chosen,
        "cuts": options.cuts and sorted(options.cuts),
        "deinterlacing": job.clip.deinterlace,
        "codec": encode.codec,
        "encoder options": " ".join(f"{name}={value}" for name, value in encode.encoder_options if name != "tag"),
        "pixel format": encode.pix_fmt,
        "size": f"{encode.stored_width}x{encode.stored_height}",
        "turned upright": encode.upright,
        "container": encode.container.muxer,
        "model": plan.spec.name,
        "weights": model.weights_sha256,
        "engine": plan.engine,
        "device": plan.device,
        "precision": plan.precision,
        "flow scale": plan.scales.flow,
        "tile": "x".join(map(str, reversed(plan.tiles.tile_size))),
        "tiles": plan.tiles.count,
    }
    return {name.replace("_", " "): str(value) for name, value in terms.items()}
