"""Metadata of phones and cameras in mp4 and mov files, which ffmpeg's muxer drops: named keys, and boxes of makers.

Keys such as ``com.apple.quicktime.make`` lie in a ``meta`` box of QuickTime's kind (``mdta``), each with the type of
its value; makers also put boxes of their own into ``udta``. Both are carried over byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ifrplus_cli.video.formats.boxes import Box, inside, read_boxes, stored

MDTA_HANDLER = Box(b"hdlr", bytes(8) + b"mdta" + bytes(12) + b"\0")
UTF8 = 1  # type of a value, of QuickTime's list of well-known types
# What ffmpeg writes by itself, or what described the source's own file.
OWN_BOXES = {b"meta", b"chpl", b"\xa9too", b"\xa9enc", b"\xa9swr", b"name", b"hnti", b"hinf", b"ludt", b"free"}
OWN_KEYS = {"encoder", "major_brand", "minor_version", "compatible_brands", "timecode"}


@dataclass(frozen=True)
class Key:
    """A key of a ``meta`` box.

    Attributes:
        values: ``data`` boxes, with their types, as they are stored.
    """

    name: str
    values: bytes

    @property
    def text(self) -> str:
        """The first value as text."""
        first = read_boxes(self.values)[:1]
        return first[0].payload[8:].decode("utf-8", "replace") if first else ""


def text_keys(tags: Mapping[str, str]) -> list[Key]:
    """Tags as keys with text; Matroska has theirs in capitals."""
    named = ((name.lower() if name.isupper() else name, text) for name, text in tags.items())
    return [Key(name, Box(b"data", struct.pack(">II", UTF8, 0) + text.encode()).stored) for name, text in named]


def read_keys(payload: bytes) -> list[Key]:
    """The named keys of a ``moov`` or ``trak`` box, but for those that describe the file itself."""
    for found in (inside(payload, b"meta"), inside(payload, b"udta", b"meta")):
        meta = found and _without_version(found)
        if not meta or (inside(meta, b"hdlr") or b"")[8:12] != b"mdta":
            continue
        names = [box.payload.decode("utf-8", "replace") for box in read_boxes((inside(meta, b"keys") or b"")[8:])]
        items = {int.from_bytes(box.kind, "big"): box.payload for box in read_boxes(inside(meta, b"ilst") or b"")}
        named = [Key(name, items[number]) for number, name in enumerate(names, start=1) if number in items]
        return [key for key in named if key.name not in OWN_KEYS]
    return []


def shown_keys(keys: Iterable[Key], source: Mapping[str, str], written: Mapping[str, str]) -> list[Key]:
    """The keys but for those that a box hides in the source, such as a place in ``loci``, where ffmpeg writes that box.

    A reader would take the hidden key's value for the film's own: keys come last in the file that is written.

    Args:
        source: the tags of the source as they are read.
        written: the tags of the file as ffmpeg has written it.
    """

    def is_hidden(key: Key) -> bool:
        return key.name in written and source.get(key.name) == written[key.name] != key.text

    return [key for key in keys if not is_hidden(key)]


def keys_box(keys: Iterable[Key]) -> Box:
    """A ``meta`` box of keys."""
    known = {key.name: key for key in keys}
    names = stored(Box(b"mdta", name.encode()) for name in known)
    items = stored(Box(struct.pack(">I", n), key.values) for n, key in enumerate(known.values(), start=1))
    return Box(
        b"meta",
        stored((MDTA_HANDLER, Box(b"keys", struct.pack(">II", 0, len(known)) + names), Box(b"ilst", items))),
    )


def with_keys(payload: bytes, keys: list[Key]) -> bytes:
    """A ``moov`` or ``trak`` box with keys in it, behind all else: ffmpeg reads what comes then as a list of keys."""
    return payload + keys_box(keys).stored if keys else payload


def with_maker_boxes(payload: bytes, source: bytes) -> bytes:
    """A ``moov`` or ``trak`` box with what the source's ``udta`` holds and its own does not."""
    own = read_boxes(inside(payload, b"udta") or b"")
    taken = {box.kind for box in own} | OWN_BOXES
    added = [box for box in read_boxes(inside(source, b"udta") or b"") if box.kind not in taken]
    if not added:
        return payload
    others = [box for box in read_boxes(payload) if box.kind != b"udta"]
    return stored([*others, Box(b"udta", stored([*added, *own]))])


def _without_version(meta: bytes) -> bytes:
    """What is in ``meta``: MPEG has a version in front of its boxes, QuickTime has none."""
    return meta if meta[4:8] == b"hdlr" else meta[4:]
