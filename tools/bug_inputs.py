"""What ffmpeg can't make of the films that go wrong in the wild, written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path


def turn_into_mebx(path: Path) -> None:
    """Make the last sound track of a .mov a timed metadata track, as phones write."""
    data = bytearray(path.read_bytes())
    track = data.rindex(b"trak")
    handler = data.index(b"soun", data.index(b"hdlr", track))
    data[handler : handler + 4] = b"meta"
    entry = data.index(b"stsd", track) + 16
    data[entry : entry + 4] = b"mebx"
    path.write_bytes(data)


def with_captions(annex_b: bytes) -> bytes:
    """An H.264 byte stream with an SEI message of CEA-608 captions before each picture (ATSC A/53, part 4)."""
    pair = bytes([0xFC, 0x94, 0x20])  # field 1: resume caption loading, valid
    user = b"\xb5\x00\x31GA94\x03" + bytes([0x41, 0xFF]) + pair + b"\xff"
    message = bytes([6, 4, len(user)]) + user + b"\x80"
    parts = annex_b.split(b"\x00\x00\x01")
    made = [parts[0]]
    for unit in parts[1:]:
        if unit[:1] and unit[0] & 31 in (1, 5):
            made.append(_escaped(message) + b"\x00")
        made.append(unit)
    return b"\x00\x00\x01".join(made)


def _escaped(unit: bytes) -> bytes:
    """A NAL unit without a start code inside (ITU-T H.264, 7.4.1)."""
    made, zeros = bytearray(), 0
    for byte in unit:
        if zeros == 2 and byte <= 3:
            made.append(3)
            zeros = 0
        made.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(made)


def bitmap_subtitle(at: float, until: float) -> bytes:
    """A Blu-ray subtitle stream (.sup) that shows one white block of 16x8 pixels."""
    width, height = 16, 8
    rows = (b"\x01" * width + b"\x00\x00") * height
    size = struct.pack(">HH", width, height)
    shown = [
        (0x16, _composition(0, 0x80, 1) + struct.pack(">HBBHH", 0, 0, 0, 8, 8)),
        (0x17, struct.pack(">BBHH", 1, 0, 8, 8) + size),
        (0x14, bytes([0, 0, 1, 235, 128, 128, 255])),
        (0x15, struct.pack(">HBB", 0, 0, 0xC0) + (len(rows) + 4).to_bytes(3, "big") + size + rows),
        (0x80, b""),
    ]
    gone = [(0x16, _composition(1, 0, 0)), (0x17, struct.pack(">BBHH", 1, 0, 8, 8) + size), (0x80, b"")]
    return b"".join(
        b"PG" + struct.pack(">IIBH", round(time * 90_000), 0, kind, len(payload)) + payload
        for time, segments in ((at, shown), (until, gone))
        for kind, payload in segments
    )


def _composition(number: int, state: int, objects: int) -> bytes:
    return struct.pack(">HHBHBBBB", 320, 180, 0x10, number, state, 0, 0, objects)
