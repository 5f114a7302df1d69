"""Say at the end of a run what was done to the film, and what to try next where the figures suggest it."""

from __future__ import annotations

from collections.abc import Iterator

from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.pipeline.films import FinishedFilm
from ifrplus_cli.reports.facts import repeats_advice
from ifrplus_cli.reports.format import clock
from ifrplus_cli.reports.softness import SOFT
from ifrplus_cli.values import ClipInfo

MANY_CUTS = 0.05  # share of the pairs; a cut each second at 20 frames per second
MANY_REPEATS = 0.1  # share of the pairs
FEW = 20  # pairs from which on a share says anything


def done_to(film: FinishedFilm) -> str:
    """Return in one line what was done to the film that a person may want to know."""
    summary, options = film.summary, film.job.options
    cuts, repeats = summary.pairs["cut"], summary.pairs["duplicate"]
    parts = [_count(summary.frames_made, "frame was made", "frames were made")]
    if cuts:
        where = f" (first at {clock(float(summary.cuts[0].time))})" if summary.cuts else ""
        filled = "held" if options.cut_fill == "hold" else "blended"
        parts.append(f"{_count(cuts, 'cut was', 'cuts were')} {filled}{where}")
    if repeats:
        parts.append(f"{_count(repeats, 'repeated frame was', 'repeated frames were')} kept")
    if count := len(summary.notes):
        parts.append("see the note above" if count == 1 else f"see the {count} notes above")
    return f"{', '.join(parts)}."


def next_steps(film: FinishedFilm) -> Iterator[str]:
    """Yield a sentence for each thing that is worth a try, most important first."""
    summary = film.summary
    pairs = sum(summary.pairs.values())
    repeats, cuts = summary.pairs["duplicate"], summary.pairs["cut"]
    many = pairs >= FEW and repeats > MANY_REPEATS * pairs
    if many and not film.job.options.smooth_duplicates and _could_move(film.job.clip):
        yield f"{repeats / pairs:.0%} of the frames repeat the one before: --duplicates smooth makes motion of them."
    if summary.sharpness is not None and summary.sharpness < SOFT and film.job.clip.source.is_video:
        where = "--report run.html" if film.record is None else "the report"
        yield (
            f"Made frames look soft beside their neighbours ({summary.sharpness:.2f} of their detail): "
            f"{where} shows where."
        )
    if pairs >= FEW and cuts > MANY_CUTS * pairs and film.job.options.cuts is None:
        yield (
            f"{cuts} cuts in {pairs} pairs are many: if motion stops where there is no cut, raise --cut-threshold, "
            "or correct the list that --cuts-out writes."
        )


def _could_move(clip: ClipInfo) -> bool:
    """Return whether repeated frames lie in motion, not in pictures that rest; no where the film is gone."""
    try:
        return clip.section is not None or repeats_advice(clip) is not None  # a section has no middle of its own
    except IfrplusError:
        return False


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
