"""mp4 and mov files with boxes that ffmpeg does not write, made of files that it does write."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, payload) of the boxes in a payload."""
    found, start = [], 0
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        found.append((kind, data[start + 8 : start + size]))
        start += size
    return found


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def edited(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """With every box at a path changed."""
    kind, *rest = path
    return b"".join(
        box(k, (edited(p, tuple(rest), change) if rest else change(p)) if k == kind else p) for k, p in boxes(data)
    )


def find(data: bytes, *path: bytes) -> list[bytes]:
    """Payloads of all boxes at a path."""
    if not path:
        return [data]
    return [deeper for kind, payload in boxes(data) if kind == path[0] for deeper in find(payload, *path[1:])]


def rewrite(source: Path, target: Path, *path: bytes, change: Callable[[bytes], bytes]) -> Path:
    """A file whose ``moov`` stands at its end, with boxes changed."""
    data = source.read_bytes()
    assert boxes(data)[-1][0] == b"moov"
    target.write_bytes(edited(data, path, change))
    return target


def add_timed_metadata(source: Path, target: Path) -> Path:
    """The sound of a mov once more, as the timed metadata (``mebx``) that phones write beside their films."""
    keys = box(b"keys", box(b"\0\0\0\1", box(b"keyd", b"mdtacom.apple.quicktime.detected-face")))
    entry = box(b"mebx", bytes(6) + b"\0\1" + keys)
    header = box(b"gmhd", box(b"gmin", bytes(5) + b"\x40\x80\0\x80\0\x80" + bytes(5)))

    def media(minf: bytes) -> bytes:
        return b"".join(header if kind == b"smhd" else box(kind, payload) for kind, payload in boxes(minf))

    def added(moov: bytes) -> bytes:
        track = find(moov, b"trak")[1]
        track = edited(track, (b"tkhd",), lambda p: p[:12] + struct.pack(">I", 9) + p[16:])
        track = edited(track, (b"mdia", b"hdlr"), lambda p: p[:8] + b"meta" + p[12:])
        track = edited(track, (b"mdia", b"minf", b"stbl", b"stsd"), lambda p: p[:8] + entry)
        track = edited(track, (b"mdia", b"minf"), media)
        track += box(b"tref", box(b"cdsc", struct.pack(">I", 1)))
        return b"".join(
            box(kind, payload) + (box(b"trak", track) if payload == find(moov, b"trak")[1] else b"")
            for kind, payload in boxes(moov)
        )

    return rewrite(source, target, b"moov", change=added)
