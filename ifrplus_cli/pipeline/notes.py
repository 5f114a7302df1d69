"""Notes on a source for a person to read: on a loop before the run, on all else once its frames are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.pipeline.sound_check import used_span
from ifrplus_cli.source import Readings
from ifrplus_cli.values import ClipInfo, PairKind
from ifrplus_cli.video.reading.interlace import makes_field_frames
from ifrplus_cli.video.writing.encode_plan import EncodePlan

PAUSE = Fraction(1, 20)  # seconds by which sound and picture of a loop may differ: packets and their padding


def notes_on(clip: ClipInfo, reader: Readings, *, smoothed: int, covered: int, codec: str) -> Iterator[str]:
    """Yield a sentence for each thing a person should know about the source.

    Args:
        clip: the source.
        reader: the reader of its frames, after the last one.
        smoothed: number of repeated frames that were replaced.
        covered: number of output frames that were laid over white because of their alpha.
        codec: the encoder, which may not store alpha.
    """
    frames, packets = reader.frames, len(clip.packet_pts)
    if complaints := reader.complaints:
        yield (
            f"The source is damaged: ffmpeg reported {complaints} errors, and {frames} frames could be decoded "
            f"from {packets} packets."
        )
    elif frames < packets:
        yield f"Only {frames} frames could be decoded from the {packets} video packets of the source."
    if clip.interlaced and clip.deinterlace is None:
        yield "The source is marked as interlaced: add --deinterlace bwdif or bob if the result looks combed."
    if makes_field_frames(clip):
        yield f"Each field became a frame: {rate_text(clip.rate)} frames per second before any were made."
    if reader.size_changes:
        yield _size_note(clip, reader)
    if covered:
        yield (
            f"{codec} can't store transparency: the picture is laid over white. "
            ".webm, .webp, .apng, PNG and .mov with --for edit keep it transparent."
        )
    if smoothed:
        yield f"{smoothed} repeated frames of the source were replaced by made frames."
    if repaired := reader.repaired_times:
        yield f"{repaired} frames of the source have no usable time; they follow at the nominal rate."


def loop_notes(plan: EncodePlan) -> Iterator[str]:
    """Yield a sentence if a loop will not be seen or heard as one."""
    clip = plan.clip
    if plan.container.counts_plays and (plays := clip.source.plays):
        times = "once" if plays == 1 else f"{plays} times"
        yield (
            f"{clip.path.name} is played {times}, not for ever, and so is the result: it stops between the last frame "
            "and the first one."
        )
    ends = [span[1] for c in plan.carried if c.stream.kind == "audio" and (span := used_span(plan, c.stream))]
    if not ends:
        return
    heard = (max(ends) - plan.origin) * (plan.stretch if plan.stretches_sound else 1)
    late = heard - (clip.end - plan.origin) * plan.stretch
    if late > PAUSE:
        yield (
            f"The sound ends {float(late):.2f} s after the picture: a player that repeats the film shows its last "
            "frame until then. --end cuts both."
        )
    elif late < -PAUSE:
        yield f"The sound ends {float(-late):.2f} s before the picture, so there is a silence in every round."


def seam_notes(clip: ClipInfo, seam: PairKind | None) -> Iterator[str]:
    """Yield a sentence if no frame was made between the last frame of a loop and the first one."""
    if seam is PairKind.CUT:
        yield (
            "The last frame and the first one show different scenes: the loop has a cut there, and no frame is made "
            "across it. --no-cuts makes them."
        )
    if seam is PairKind.DUPLICATE and (count := len(clip.packet_pts)) > 1:
        number = count - 1 + (clip.section.number if clip.section else 0)
        yield (f"The last frame equals the first one, so it is held. --end {number}f leaves it out, for an even loop.")


def _size_note(clip: ClipInfo, reader: Readings) -> str:
    first, (width, height) = reader.size_changes[0]
    start = clip.start if clip.section is None else clip.section.film_start
    changes = len(reader.size_changes)
    return (
        f"The size of the picture changes {changes} times, first to {width}x{height} at {float(first - start):.3f} s: "
        "all pictures are fitted into the first size with black bars, and no frame is made across a change."
    )
