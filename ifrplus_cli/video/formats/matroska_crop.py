"""Pixels that a Matroska or WebM file asks its player to leave out: ffmpeg before version 8 does not say (RFC 9559)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SEGMENT, TRACKS, TRACK_ENTRY, TRACK_TYPE, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0xE0
CLUSTER = 0x1F43B675
CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom
IS_VIDEO = 1
HEADERS = 1 << 22  # bytes in which the list of tracks lies, in all but strange files


def read_crop(path: Path, number: int) -> tuple[int, int, int, int] | None:
    """Pixels left out on the left, top, right and bottom of a video track.

    Args:
        number: of the track among those of video.

    Returns:
        None where nothing is left out, or the file can't be read so far.
    """
    try:
        with path.open("rb") as file:
            data = file.read(HEADERS)
    except OSError:
        return None
    videos = [
        dict(_elements(video))
        for segment in _found(data, SEGMENT)
        for tracks in _found(segment, TRACKS)
        for entry in _found(tracks, TRACK_ENTRY)
        if any(int.from_bytes(kind, "big") == IS_VIDEO for kind in _found(entry, TRACK_TYPE))
        for video in _found(entry, VIDEO)
    ]
    if number >= len(videos):
        return None
    left, top, right, bottom = (int.from_bytes(videos[number].get(name, b""), "big") for name in CROPS)
    return (left, top, right, bottom) if left or top or right or bottom else None


def _found(data: bytes, wanted: int) -> Iterator[bytes]:
    return (payload for name, payload in _elements(data) if name == wanted)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Name and payload of each element up to the first cluster or the end of what was read."""
    start = 0
    while start < len(data):
        name, start = _number(data, start, keep_marker=True)
        size, behind = _number(data, start, keep_marker=False)
        if name in (0, CLUSTER) or behind > len(data):
            return
        unknown = size == (1 << 7 * (behind - start)) - 1
        end = len(data) if unknown else behind + size
        yield name, data[behind:end]
        start = end


def _number(data: bytes, start: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length (RFC 8794), and where it ends; 0 where it is cut off."""
    first = data[start] if start < len(data) else 0
    length = 9 - first.bit_length()
    if length > 8 or start + length > len(data):
        return 0, len(data) + 1
    value = int.from_bytes(data[start : start + length], "big")
    return value if keep_marker else value & ((1 << 7 * length) - 1), start + length
