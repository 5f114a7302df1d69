"""What a finished film does not say although its source does: a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.formats.kept_tags import lost_tags
from ifrplus_cli.video.formats.timecode import parse_timecode
from ifrplus_cli.video.other_streams.stream_mapping import other_streams
from ifrplus_cli.video.writing.encode_plan import EncodePlan


def loss_notes(result: ClipInfo, plan: EncodePlan) -> Iterator[str]:
    """Compare what both files say of themselves.

    Args:
        result: the finished file.
    """
    source, found = plan.clip.description, result.description
    if lost := lost_tags(dict(source.tags), dict(found.tags)):
        yield f"These tags can't be stored in this kind of file and are left out: {', '.join(lost)}."
    reel = found.timecode.reel if found.timecode else None
    if source.timecode is not None and found.timecode is None:
        yield f"The timecode {source.timecode.text} can't be stored at this rate in this kind of file and is left out."
    elif plan.timecode and found.timecode and parse_timecode(found.timecode) != replace(plan.timecode, reel=reel):
        yield f"The timecode is {found.timecode.text} instead of {plan.timecode.text}."
    if source.timecode and plan.timecode and ";" in source.timecode.text and not plan.timecode.drop:
        yield "The timecode is no longer drop-frame, which the new frame rate does not have."
    if source.projection is not None and found.projection is None:
        yield f"The {source.projection.kind} projection can't be stored and is left out: a player shows it flat."
    if source.stereo is not None and found.stereo is None:
        yield f"That two eyes' pictures are packed here ({source.stereo.kind}) can't be stored and is left out."
    if source.crop is not None and found.crop != source.crop:
        left, top, right, bottom = source.crop
        yield (
            f"The source asks players to crop {left}, {top}, {right} and {bottom} pixels (left, top, right, bottom); "
            "the whole picture is stored, and this is left out."
        )
    if source.captions and not found.captions:
        yield "The closed captions in the frames of the source are left out."
    yield from _disposition_notes(result, plan)


def _disposition_notes(result: ClipInfo, plan: EncodePlan) -> Iterator[str]:
    others = other_streams(result)
    if len(others) != len(plan.carried):
        return
    for carried, found in zip(plan.carried, others, strict=True):
        lost = set(carried.stream.dispositions) - set(found.dispositions) - {"default", "attached_pic"}
        if lost:
            yield (
                f"The {found.kind} stream {carried.stream.index} is no longer marked as {' and '.join(sorted(lost))}: "
                "this kind of file can't say so."
            )
