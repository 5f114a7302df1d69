"""Read when the packets of a stream begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffprobe import read_packets


def packet_span(
    clip: ClipInfo, stream_index: int, *, first_only: bool = False, begin: Fraction | None = None
) -> tuple[Fraction, Fraction] | None:
    """Return the first and last moment of a stream in seconds, from its packets; None if it has none.

    Headers are sometimes wrong, and hide what an edit list cuts off.

    Args:
        first_only: whether to read only the stream's first packets instead of the whole file.
        begin: as for ``packet_spans``.
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
    """Yield when each packet of a stream begins and ends, in seconds, in the order of the file.

    Args:
        first_only: whether to read only the stream's first packets instead of the whole file.
        begin, end: times in seconds; packets count only as far as they lie between them.
        longest: greatest length of a packet in seconds, even if the file states a longer one.
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
