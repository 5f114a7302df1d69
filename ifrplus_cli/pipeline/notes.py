"""Notes on a source for a person to read, once all of its frames are decoded."""

from __future__ import annotations

from collections.abc import Iterator

from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.source import FrameReader
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.interlace import makes_field_frames


def notes_on(clip: ClipInfo, reader: FrameReader, *, smoothed: int, covered: int, codec: str) -> Iterator[str]:
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


def _size_note(clip: ClipInfo, reader: FrameReader) -> str:
    first, (width, height) = reader.size_changes[0]
    start = clip.start if clip.section is None else clip.section.film_start
    changes = len(reader.size_changes)
    return (
        f"The size of the picture changes {changes} times, first to {width}x{height} at {float(first - start):.3f} s: "
        "all pictures are fitted into the first size with black bars, and no frame is made across a change."
    )
