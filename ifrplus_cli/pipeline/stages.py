"""The stages from decoded frames to output frames; each runs in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain

from ifrplus_cli.pipeline.filler import FilledSlot, SlotFiller
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.loop import lead_in
from ifrplus_cli.pipeline.output_frames import Mix, frames_of
from ifrplus_cli.pipeline.pairs import pairs_of
from ifrplus_cli.pipeline.prefetch import Prefetch, side_by_side
from ifrplus_cli.pipeline.slots import Wanted, choose_wanted, slots_of
from ifrplus_cli.values import Frame

PAIRS_AHEAD = 2  # decoded pairs that wait for motion estimation
FRAMES_AHEAD = 4  # output frames that wait for the encoder
EVERY_FRAME = Wanted()


@contextmanager
def output_of(
    frames: Iterator[Frame],
    job: Job,
    filler: SlotFiller,
    *,
    at_once: int,
    wanted: Wanted = EVERY_FRAME,
    number: int = 0,
    mix: Mix | None = None,
    watchers: Sequence[Callable[[FilledSlot], None]] = (),
    tail: Sequence[Frame] = (),
) -> Iterator[Iterator[Frame]]:
    """Start the stages; the value of the ``with`` block iterates over the output frames in order.

    Leaving the ``with`` block stops them; the decoder behind ``frames`` must be closed first.

    Args:
        frames: all frames of the source; at least one.
        at_once: number of slots that are filled at the same time.
        wanted: the output frames that are made; the others are left out.
        number: as for ``slots_of``.
        mix: as for ``frames_of``.
        watchers: called with every filled slot, in order.
        tail: the last frames of a loop.
    """
    first = next(frames)
    pairs = pairs_of(chain([first], frames), job.clip, job.options)
    with Prefetch(pairs, PAIRS_AHEAD) as ahead:
        slots = slots_of(
            first,
            iter(ahead),
            job.timeline,
            job.clip.last_duration,
            lead_in(tail, first, job.clip, job.options),
            number,
        )
        with (
            closing(side_by_side(filler.fill, map(filler.look, choose_wanted(slots, wanted)), at_once)) as filled,
            Prefetch(_frames(filled, mix, watchers), FRAMES_AHEAD) as output,
        ):
            yield iter(output)


def _frames(
    slots: Iterator[FilledSlot], mix: Mix | None, watchers: Sequence[Callable[[FilledSlot], None]]
) -> Iterator[Frame]:
    for filled in slots:
        for watch in watchers:
            watch(filled)
        yield from frames_of(filled, mix)
