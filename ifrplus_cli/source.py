"""What tells a source from another one, and from what it was when a run began."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.errors import InputError

END_BYTES = 2**20  # of the beginning and of the end of a file, whose checksum stands for the whole


@dataclass(frozen=True)
class SourceIdentity:
    """A file at a moment.

    Attributes:
        size: in bytes.
        modified: when it was changed last, in nanoseconds.
        sha256: of its beginning and its end.
    """

    path: Path
    size: int
    modified: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> SourceIdentity:
        """That of a file as it is now.

        Raises:
            InputError: if it can't be read.
        """
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                digest = hashlib.sha256(file.read(END_BYTES))
                file.seek(max(0, found.st_size - END_BYTES))
                digest.update(file.read(END_BYTES))
        except OSError as error:
            raise InputError(f"{path} can't be read any more: {error.strerror}.", "Put it back.") from error
        return cls(path, found.st_size, found.st_mtime_ns, digest.hexdigest())

    def check_unchanged(self) -> None:
        """Refuse what was made from two different files.

        Raises:
            InputError: if the file is gone, or another one now.
        """
        if SourceIdentity.of(self.path) != self:
            raise InputError(
                f"{self.path.name} was changed while it was read.", "Run again when nothing writes to it any more."
            )
