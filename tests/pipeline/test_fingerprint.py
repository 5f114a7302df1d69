"""A source is told from another one, and from what it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ifrplus_cli.errors import InputError
from ifrplus_cli.pipeline.fingerprint import END_BYTES, Fingerprint


def put(path: Path, content: bytes) -> None:
    """Write a file with a date of its own, so that only its content and size differ from another's."""
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("place", [0, END_BYTES, -1], ids=["first byte", "behind the beginning", "last byte"])
def test_a_change_at_either_end_is_seen(place: int, tmp_path: Path) -> None:
    path, content = tmp_path / "film", bytearray(2 * END_BYTES)
    put(path, content)
    before = Fingerprint.of(path)
    before.check_unchanged()
    content[place] ^= 1
    put(path, content)
    with pytest.raises(InputError, match="film was changed while it was read"):
        before.check_unchanged()


def test_a_change_of_size_or_date_is_seen_and_so_is_a_loss(tmp_path: Path) -> None:
    path, content = tmp_path / "film", bytes(3 * END_BYTES)
    put(path, content)
    before = Fingerprint.of(path)
    put(path, content + b"\0")
    assert Fingerprint.of(path) != before
    put(path, content)
    os.utime(path, ns=(1, 2))
    assert Fingerprint.of(path) != before
    path.unlink()
    with pytest.raises(InputError, match="can no longer be read"):
        before.check_unchanged()
