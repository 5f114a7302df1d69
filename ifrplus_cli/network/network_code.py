"""The code that networks are built from, as one checksum: compiled graphs that are kept belong to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import ifrplus_cli.models

FOLDER = Path(ifrplus_cli.models.__file__).parent


def code_checksum() -> str:
    """Return the SHA-256 in hexadecimal of the names and contents of all files of ``models/``."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.py")):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()
