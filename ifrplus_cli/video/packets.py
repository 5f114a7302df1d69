"""When the packets of a stream begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffprobe import read_packets


def packet_span(
    clip: ClipInfo, stream_index: int, *, first_only: bool = False, begin: Fraction | None = None
) -> tuple[Fraction, Fraction] | None:
    """First and last moment of a stream in seconds, from its packets; None if it has none.

    Headers sometimes lie, and hide what an edit list cuts off. This reads the whole file, or no further than the
    stream's first packets.
    """
    first = last = None
    for start, stop in packet_spans(clip, stream_index, first_only=first_only, begin=begin):
        first = start if first is None else min(first, start)
        last = stop if last is None else max(last, stop)
    return None if first is None or last is None else (first, last)


def packet_spans(
    clip: ClipInfo,
    stream_index: int,
    *,
    first_only: bool = False,
    begin: Fraction | None = None,
    end: Fraction | None = None,
    longest: Fraction | None = None,
) -> Iterator[tuple[Fraction, Fraction]]:
    """When each packet of a stream begins and ends, in seconds, in the order of the file.

    Args:
        begin, end: packets that end or begin outside do not count, and others only as far as they are inside.
        longest: seconds that a packet lasts at most, whatever the file says.
    """
    part = {"read_intervals": "%+#4"} if first_only else {}
    for packet in read_packets(clip.path, stream_index, "pts_time,duration_time", pieces=clip.pieces, **part):
        if "pts_time" in packet:
            start = Fraction(packet["pts_time"])
            length = Fraction(packet.get("duration_time", "0"))
            stop = start + (length if longest is None else min(length, longest))
            if (begin is not None and stop <= begin) or (end is not None and start >= end):
                continue
            yield max(start, start if begin is None else begin), min(stop, stop if end is None else end)
