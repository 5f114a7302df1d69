"""Read when the packets of a stream begin and end: those of picture and sound in one pass over the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ifrplus_cli.values import ClipInfo, Piece
from ifrplus_cli.video.ffprobe import ask_with_packets, read_packets
from ifrplus_cli.video.formats.streams import Track

ENTRIES = "pts,dts,duration,flags"


def read_track(path: Path, index: int, pieces: Sequence[Piece]) -> Track:
    """Read the packets of one stream.

    Args:
        index: ffprobe's number of the stream.
        pieces: as for ``read_packets``.

    Raises:
        InputError: if the file can't be read.
    """
    track = Track()
    for packet in read_packets(path, index, ENTRIES, pieces=pieces):
        track.add(packet)
    return track


def read_all(path: Path, pieces: Sequence[Piece] = ()) -> tuple[dict[str, Any], dict[int, Track]]:
    """Return what ffprobe says of a file, and the packets of each stream by its index, from one pass over the file.

    Raises:
        InputError: if the file is not a film, or can't be read as one.
    """
    tracks: defaultdict[int, Track] = defaultdict(Track)
    header = ask_with_packets(path, ENTRIES, lambda packet: tracks[packet["stream_index"]].add(packet), pieces=pieces)
    return header, tracks


def with_whole_picture(
    path: Path, picture: Mapping[str, Any], tracks: Mapping[int, Track], pieces: Sequence[Piece]
) -> Mapping[int, Track]:
    """Return the packets of streams, those of the picture complete; it is read alone if they are not.

    Where packets may lie anywhere in a file (mp4), one that is damaged ends the reading of all streams: then nothing
    is certain of the others.

    Args:
        picture: its stream, as ffprobe describes it.
    """
    index = picture["index"]
    if index in tracks and tracks[index].count >= int(picture.get("nb_frames", 0)):
        return tracks
    return {index: read_track(path, index, pieces)}


def packet_span(
    clip: ClipInfo, stream_index: int, *, begin: Fraction | None = None
) -> tuple[Fraction, Fraction] | None:
    """Return the first and last moment of a stream in seconds, from its packets; None if it has none.

    Headers are sometimes wrong, and hide what an edit list cuts off.

    Args:
        begin: as for ``packet_spans``.
    """
    first = last = None
    for start, stop in packet_spans(clip, stream_index, begin=begin):
        first = start if first is None else min(first, start)
        last = stop if last is None else max(last, stop)
    return None if first is None or last is None else (first, last)


def packet_spans(
    clip: ClipInfo,
    stream_index: int,
    *,
    begin: Fraction | None = None,
    end: Fraction | None = None,
    longest: Fraction | None = None,
) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield when each packet of a stream begins and ends, in seconds, in the order of the file.

    Args:
        begin, end: times in seconds; packets count only as far as they lie between them.
        longest: greatest length of a packet in seconds, even if the file states a longer one.
    """
    stated = _stated(clip, stream_index)
    is_sound = any(stream.index == stream_index and stream.kind == "audio" for stream in clip.streams)
    for start, length in _lasting(stated) if is_sound else stated:
        stop = start + (length if longest is None else min(length, longest))
        if (begin is not None and stop <= begin) or (end is not None and start >= end):
            continue
        yield max(start, start if begin is None else begin), min(stop, stop if end is None else end)


def _lasting(packets: Iterable[tuple[Fraction, Fraction]]) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield packets that state no length, as those of WavPack in Matroska, as long as it is to the next one."""
    before, step = None, Fraction(0)
    for start, length in packets:
        if before is not None:
            step = max(Fraction(0), start - before)
            yield before, step
        before = None if length else start
        if length:
            yield start, length
    if before is not None:
        yield before, step


def _stated(clip: ClipInfo, stream_index: int) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield when each packet of a stream begins and how long it lasts, in seconds; read the file if it is not known."""
    if kept := next((s.packets for s in clip.streams if s.index == stream_index), None):
        for start, length in zip(kept.starts.tolist(), kept.lengths.tolist(), strict=True):
            yield start * kept.time_base, length * kept.time_base
        return
    for packet in read_packets(clip.path, stream_index, "pts_time,duration_time", pieces=clip.pieces):
        if "pts_time" in packet:
            yield Fraction(packet["pts_time"]), Fraction(packet.get("duration_time", "0"))
