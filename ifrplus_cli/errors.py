"""The one exception family: what happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOMEM

# What OpenCV and Python say where memory runs out, by errors that are used for other things as well.
NO_MEMORY = ("Insufficient memory", "can't start new thread")


class IfrplusError(Exception):
    """A foreseeable failure.

    Attributes:
        message: one sentence that says what happened.
        hint: one sentence that says what to do, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(IfrplusError):
    """The source cannot be read, or is not a film."""


class OutputError(IfrplusError):
    """The result cannot be written, or is not what was promised."""


class MediaToolError(IfrplusError):
    """ffmpeg or ffprobe is missing or failed."""


class ModelError(IfrplusError):
    """Weights or network cannot be used."""


def network_failure(error: Exception) -> ModelError:
    """What a person is told of an error that an engine raises while a network runs."""
    said = str(error).strip().splitlines()
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return out_of_memory()
    return ModelError(f"The network failed: {said[0] if said else error!r}.", "Try --device CPU.")


def out_of_memory() -> ModelError:
    """What a person is told when memory is not enough, wherever it ran out."""
    return ModelError("The network ran out of memory.", "Choose smaller tiles, such as --tile 640x384.")


@contextmanager
def telling_of_memory() -> Iterator[None]:
    """Turn every error by which memory that has run out is noticed into the one that a person is told.

    Raises:
        ModelError: in their place.
    """
    try:
        yield
    except Exception as error:
        if not _lacks_memory(error):
            raise
        raise out_of_memory() from error


def _lacks_memory(error: Exception) -> bool:
    refused = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == ENOMEM)
    return refused or any(said in str(error) for said in NO_MEMORY)


class DownloadError(IfrplusError):
    """Weights cannot be fetched, or are not the ones that were asked for."""


class DeviceError(IfrplusError):
    """The chosen device is not there or does not work."""
