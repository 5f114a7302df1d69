"""Discontinuities: streams whose clock starts again, as in joined recordings, cells of a DVD and breaks in HLS.

Such a file is read as pieces that follow each other; each keeps the distance between its picture and sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise, starmap
from pathlib import Path
from typing import Any

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import Piece
from ifrplus_cli.video.ffprobe import ask_ffprobe, read_packets
from ifrplus_cli.video.pieces import pieces_url

RESTARTING = {"mpegts", "mpeg"}  # demuxers of formats that may be joined byte by byte
BACK = 0.1  # seconds: a clock that goes back by more starts again
AHEAD = 2  # seconds: picture and sound that go ahead by more start again; a signal that was lost for less left a hole
STILL = 60  # seconds: a picture without sound that goes ahead by more starts again; one shown for less is still
LOST = 3600  # seconds: the most by which either goes ahead alone
TS_SYNC, PACK_START = 0x47, b"\x00\x00\x01\xba"
TS_PACKETS = (188, 192, 204)  # bytes; the second kind has its time of arrival before the sync byte
SEARCHED = 1 << 20  # bytes before the first packet of a piece in which its headers are
ROUNDING = Fraction(1, 1000)  # seconds by which a break comes before its frame
LONGEST_URL = 120_000  # characters that Linux takes as one argument, less a margin


@dataclass(frozen=True)
class Pieces:
    """The pieces of a file, and the moment just before the picture of each but the first, in seconds of their clock."""

    pieces: tuple[Piece, ...] = ()
    breaks: tuple[Fraction, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a person should read."""
        if not self.pieces:
            return ()
        times = "once" if len(self.breaks) == 1 else f"{len(self.breaks)} times"
        return (
            f"The clock of the source starts again {times}: its {len(self.pieces)} pieces follow each other, and no "
            "frame is made between them.",
        )


@dataclass
class _Run:
    """Packets of one stream on one clock: positions of the first and the last, and the times that they cover."""

    first: int
    last: int
    start: Fraction
    end: Fraction
    time: Fraction  # when the last one is decoded
    step: float  # seconds from the last packet before it to its first one

    def add(self, position: int | None, decoded: Fraction, start: Fraction, end: Fraction) -> None:
        self.last = self.last if position is None else position
        self.start, self.end, self.time = min(self.start, start), max(self.end, end), decoded


def find_pieces(path: Path, container: str, streams: Sequence[dict[str, Any]], picture: int) -> Pieces:
    """Find the pieces of a file whose clock starts again; none for a file with one clock.

    Args:
        streams: as ffprobe lists them.
        picture: index of the stream that is the film.

    Raises:
        InputError: if picture and sound don't start again in the same place, or too often.
    """
    if container not in RESTARTING:
        return Pieces()
    kinds = {s["index"]: s.get("codec_type") for s in streams}
    wanted = {index for index, kind in kinds.items() if index == picture or kind == "audio"}
    entries = "stream_index,pts_time,dts_time,duration_time,pos"
    runs = _runs(read_packets(path, None, entries), wanted)
    held = [runs[picture], *(sound for index, sound in runs.items() if index != picture and sound)]
    steps = [run.step for stream in held for run in stream[1:]]
    if not steps:
        return Pieces()
    pieces = list(zip(*held, strict=False))
    if any(len(stream) != len(pieces) for stream in held) or not all(starmap(_meet, pairwise(pieces))):
        if all(0 < step < LOST for step in steps):
            return Pieces()  # a picture that is still for long, or sound that is silent
        raise _torn(path)
    places = [_place(path, container, before, after) for before, after in pairwise(pieces)]
    found = _follow(path, [0, *places, path.stat().st_size], pieces)
    _check(path, found, wanted)
    return found


def _meet(before: Sequence[_Run], after: Sequence[_Run]) -> bool:
    """Return whether all streams of a piece end in the file before the first one of the next piece begins."""
    return max(run.last for run in before) < min(run.first for run in after)


def _runs(packets: Iterable[dict[str, str]], wanted: set[int]) -> dict[int, list[_Run]]:
    """Return the packets of each stream, divided where its clock starts again."""
    most = AHEAD if len(wanted) > 1 else STILL
    runs: dict[int, list[_Run]] = {index: [] for index in wanted}
    for packet in packets:
        index = int(packet["stream_index"])
        stated = packet.get("dts_time")
        if index not in wanted or stated is None:
            continue
        decoded, start = Fraction(stated), Fraction(packet.get("pts_time", stated))
        end = start + Fraction(packet.get("duration_time", "0"))
        position = int(packet["pos"]) if "pos" in packet else None
        held = runs[index]
        step = float(decoded - held[-1].time) if held else 0.0
        if held and -BACK <= step <= most:
            held[-1].add(position, decoded, start, end)
        else:
            place = position if position is not None else held[-1].last if held else 0
            held.append(_Run(place, place, start, end, decoded, step))
    return runs


def _place(path: Path, container: str, before: Sequence[_Run], after: Sequence[_Run]) -> int:
    """Return the byte at which a piece begins: at its first headers, after all packets of the piece before."""
    low, high = max(run.last for run in before), min(run.first for run in after)
    begin = max(low + 1, high - SEARCHED)
    with path.open("rb") as file:
        file.seek(begin)
        data = file.read(high - begin + 2 * max(TS_PACKETS))
    if container == "mpeg":
        found = data.rfind(PACK_START, 0, high - begin + len(PACK_START))
        return high if found < 0 else begin + found
    return begin + _table_place(data, high - begin)


def _table_place(data: bytes, first: int) -> int:
    """Return the place of the last program association table (PID 0) up to a packet, or of that packet."""
    size = next((size for size in TS_PACKETS if data[first + size : first + size + 1] == bytes([TS_SYNC])), 188)
    ahead = 4 if size == 192 else 0
    for place in range(first, ahead - 1, -size):
        if data[place] == TS_SYNC and not data[place + 1] & 0x1F and not data[place + 2]:
            return place - ahead
    return max(first - ahead, 0)


def _follow(path: Path, places: Sequence[int], runs: Sequence[Sequence[_Run]]) -> Pieces:
    """Place each piece where all streams of the one before have ended.

    Args:
        places: first byte of each piece, and the end of the file.
        runs: runs of each piece; the first is the picture's.
    """
    starts = [min(run.start for run in piece) for piece in runs]
    lengths = [max(run.end for run in piece) - start for piece, start in zip(runs, starts, strict=True)]
    leads = _leads(path, places)
    gaps = [
        length + lead - after for length, lead, after in zip(lengths, leads, [*leads[1:], Fraction(0)], strict=True)
    ]
    pieces = tuple(Piece(*span, gap) for span, gap in zip(pairwise(places), gaps, strict=True))
    if len(pieces_url(path, pieces)) > LONGEST_URL:
        raise InputError(f"The clock of {path.name} starts again {len(pieces) - 1} times.", "Cut it into fewer pieces.")
    begins = accumulate(lengths[:-1], initial=leads[0])
    pictures = [piece[0].start - start for piece, start in zip(runs, starts, strict=True)]
    breaks = [begin + late - ROUNDING for begin, late in zip(begins, pictures, strict=True)]
    return Pieces(pieces, tuple(breaks[1:]))


def _leads(path: Path, places: Sequence[int]) -> list[Fraction]:
    """Return how many seconds of each piece come before picture and sound: other streams may begin earlier."""
    leads, first = [], None
    for span in pairwise(places):
        found = ask_ffprobe(path, pieces=(Piece(*span, Fraction(1)),))
        streams = [s for s in found["streams"] if s.get("codec_type") in ("video", "audio")]
        described = [(s["index"], s.get("codec_name")) for s in streams]
        first = first or described
        if described != first:
            raise InputError(
                f"{path.name} was joined from films with different streams.",
                "Cut it where they meet, and use each part.",
            )
        begins = [Fraction(s["start_time"]) for s in streams if "start_time" in s]
        leads.append(min(begins, default=Fraction(0)) - Fraction(found["format"].get("start_time", "0")))
    return leads


def _check(path: Path, found: Pieces, wanted: set[int]) -> None:
    """Refuse pieces within which a clock starts again."""
    entries = "stream_index,pts_time,dts_time,duration_time,pos"
    runs = _runs(read_packets(path, None, entries, pieces=found.pieces), wanted)
    if any(len(held) > 1 for held in runs.values()):
        raise _torn(path)


def _torn(path: Path) -> InputError:
    return InputError(
        f"The clock of {path.name} starts again at different places for picture and sound.",
        "Cut it where its parts meet, and use each part.",
    )
