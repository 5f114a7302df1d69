"""The exception family of the program: each error says what happened and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOMEM

# Texts by which OpenCV and Python report that memory ran out, in errors that also have other causes.
NO_MEMORY = ("Insufficient memory", "can't start new thread")


class IfrplusError(Exception):
    """A foreseeable failure.

    Attributes:
        message: a sentence that says what happened.
        hint: a sentence that says what to do, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(IfrplusError):
    """An option has an impossible value, or contradicts another one.

    Attributes:
        option: its name on the command line.
        why: what is wrong with it.
    """

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"Invalid value for {option}: {why}")
        self.option = option
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        """Let other processes send it: an exception is made again of what its class takes."""
        return type(self), (self.option, self.why), self.__dict__


class InputError(IfrplusError):
    """The source cannot be read, or is not a film."""


class OutputError(IfrplusError):
    """The result cannot be written, or is not what was promised."""


class MediaToolError(IfrplusError):
    """ffmpeg or ffprobe is missing, or has failed."""


class ModelError(IfrplusError):
    """The weights or the network cannot be used."""


def network_failure(error: Exception) -> ModelError:
    """Return the error to report when an engine fails while a network runs."""
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return out_of_memory()
    return ModelError(f"The network failed: {first_line(error)}.", "Try --device CPU.")


def first_line(error: Exception) -> str:
    """Return the first line of another program's message, or the error's name if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else repr(error)


def out_of_memory() -> ModelError:
    """Return the error to report when memory runs out, wherever that happens."""
    return ModelError("The network ran out of memory.", "Choose smaller tiles, such as --tile 640x384.")


@contextmanager
def memory_errors() -> Iterator[None]:
    """Report every exception that means that memory ran out as one error.

    Raises:
        ModelError: in place of such an exception.
    """
    try:
        yield
    except Exception as error:
        if not _lacks_memory(error):
            raise
        raise out_of_memory() from error


def _lacks_memory(error: Exception) -> bool:
    refused = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == ENOMEM)
    return refused or any(text in str(error) for text in NO_MEMORY)


class StrayError(InputError):
    """A source has other frames than its packets state, so that a section of it can't be found by them."""


class ClusterError(IfrplusError):
    """The workers of a cluster can't be reached or used, or have failed."""


class DownloadError(IfrplusError):
    """Weights cannot be downloaded, or are not the requested ones."""


class DeviceError(IfrplusError):
    """The chosen device does not exist or does not work."""
