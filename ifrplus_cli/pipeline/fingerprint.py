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
        sha256: of its beginning and its end; of names, sizes and dates of images.
        images: where there are many files.
    """

    path: Path
    size: int
    modified: int
    sha256: str
    images: tuple[Path, ...] = ()

    @classmethod
    def of(cls, path: Path, images: tuple[Path, ...] = ()) -> SourceIdentity:
        """That of a file, or of many images, as it is now.

        Raises:
            InputError: if it can't be read.
        """
        try:
            if len(images) > 1:
                return cls._of_images(path, images)
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                digest = hashlib.sha256(file.read(END_BYTES))
                file.seek(max(0, found.st_size - END_BYTES))
                digest.update(file.read(END_BYTES))
        except OSError as error:
            raise InputError(f"{path} can't be read any more: {error.strerror}.", "Put it back.") from error
        return cls(path, found.st_size, found.st_mtime_ns, digest.hexdigest())

    @classmethod
    def _of_images(cls, path: Path, images: tuple[Path, ...]) -> SourceIdentity:
        """By names, sizes and dates."""
        found = [file.stat() for file in images]
        told = [(file.name, state.st_size, state.st_mtime_ns) for file, state in zip(images, found, strict=True)]
        size, modified = sum(state.st_size for state in found), max(state.st_mtime_ns for state in found)
        return cls(path, size, modified, hashlib.sha256(repr(told).encode()).hexdigest(), images)

    def check_unchanged(self) -> None:
        """Refuse what was made from two different files.

        Raises:
            InputError: if the file is gone, or another one now.
        """
        if SourceIdentity.of(self.path, self.images) != self:
            raise InputError(
                f"{self.path.name} was changed while it was read.", "Run again when nothing writes to it any more."
            )
