"""Download published weights: resume where it stopped, verify, and put the file in place only when it is complete."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ifrplus_cli import __version__
from ifrplus_cli.errors import DownloadError, ModelError, OutputError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.weights.install import install, record_of, record_path
from ifrplus_cli.weights.manifest import WeightsEntry
from ifrplus_cli.weights.reading import read_weights

CHUNK = 2**18  # bytes
TIMEOUT_S = 30.0  # without any data
PAUSES_S = (1.0, 3.0, 9.0)  # before retrying an attempt that brought nothing
PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))  # status codes that may be temporary
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
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
class Transfer:
    """Progress of a download in bytes; ``size`` is None if the server does not state it."""

    done: int
    size: int | None


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
    if not urls:
        raise DownloadError(f"The weights {entry.name} come with the program.", "There is nothing to download.")
    for url in urls:
        _check_url(url)
    target = options.folder / entry.file_name
    expected = options.sha256 or entry.sha256
    with _storing_in(options.folder):
        options.folder.mkdir(parents=True, exist_ok=True)
        with _locked(target, say):
            if target.exists() and not options.force:
                return _what_is_there(entry, target, expected)
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
    expected = options.sha256 or entry.sha256
    if expected and (found := sha256_of(source)) != expected:
        raise DownloadError(
            f"{source} is not the right file: its SHA-256 is {found}, not {expected}.", "Give another file."
        )
    with _storing_in(options.folder):
        options.folder.mkdir(parents=True, exist_ok=True)
        with _locked(target, lambda _: None):
            if target.exists() and not options.force:
                raise DownloadError(f"{target} already exists.", "Replace it with --force.")
            record = install(entry, source, target, str(source.resolve()))
    return InstalledWeights(target, record.size, record.sha256, record.url, enforced=expected is not None, fresh=True)


def _what_is_there(entry: WeightsEntry, target: Path, expected: str | None) -> InstalledWeights:
    record = record_of(target)
    made_from = record.source_sha256 if record else None
    if entry.archive and expected and made_from and made_from != expected:
        raise DownloadError(
            f"{target} already exists, but was made from a file whose SHA-256 is {made_from}, not {expected}.",
            "Replace it with --force.",
        )
    wanted = (None if entry.archive else expected) or (record and record.sha256)
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
    part = _Part(target.with_name(f"{target.name}.part"), url)
    try:
        found = _receive(part, progress, say)
    except _TransferError as fault:
        raise DownloadError(f"{url} could not be downloaded: {fault}.", _by_hand(url, target)) from fault
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
        raise DownloadError(f"The file from {url} is not usable. {error.message}", _by_hand(url, target)) from error
    if before and before.url == url and (before.source_sha256 or before.sha256) != found:
        say(
            f"The file has changed since it was downloaded on {before.date}: its SHA-256 was "
            f"{before.source_sha256 or before.sha256}."
        )
    part.discard()
    return InstalledWeights(target, record.size, record.sha256, url, enforced=expected is not None, fresh=True)


class _TransferError(Exception):
    """Why an attempt failed; after a ``passing`` failure another attempt is worthwhile."""

    def __init__(self, what: str, *, passing: bool = False) -> None:
        super().__init__(what)
        self.passing = passing


class _Part:
    """The part of a file that has arrived, and a record beside it of its source and version."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def etag(self) -> str | None:
        """Return the version to which the part belongs, if it may be continued."""
        try:
            noted = json.loads(record_path(self.path).read_text())
            return str(noted["etag"]) if noted["url"] == self.url else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def begin(self, etag: str | None) -> IO[bytes]:
        """Empty the part for another version. A weak ETag does not guarantee the same bytes, so it is not recorded."""
        file = self.path.open("w+b")
        if etag and not etag.startswith("W/"):
            record_path(self.path).write_text(json.dumps({"url": self.url, "etag": etag}))
        else:
            record_path(self.path).unlink(missing_ok=True)
        return file

    def resume(self) -> IO[bytes]:
        return self.path.open("r+b")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        record_path(self.path).unlink(missing_ok=True)


def _receive(part: _Part, progress: Callable[[Transfer], None], say: Callable[[str], None]) -> str:
    """Complete the part, with retries as long as each brings it further, and return its SHA-256."""
    failures = 0
    while True:
        before = part.size()
        try:
            return _attempt(part, progress)
        except _TransferError as fault:
            failures = 1 if part.size() > before else failures + 1
            if not fault.passing or failures > len(PAUSES_S):
                raise
            pause = PAUSES_S[failures - 1]
            say(f"The download broke off: {fault}. Trying again in {pause:g} s.")
        time.sleep(pause)


def _attempt(part: _Part, progress: Callable[[Transfer], None]) -> str:
    headers = {"User-Agent": f"ifrplus/{__version__}", "Accept-Encoding": "identity"}
    etag = part.etag()
    present = part.size() if etag else 0
    if etag and present:
        headers |= {"Range": f"bytes={present}-", "If-Range": etag}
    with _open(Request(part.url, headers=headers)) as response:
        resumed = _brings_rest(response, part, present)
        done = present if resumed else 0
        length = response.headers.get("Content-Length", "")
        size = done + int(length) if length.isdecimal() else None
        _check_room(part.path.parent, (size or 0) - part.size())
        with part.resume() if resumed else part.begin(response.headers.get("ETag")) as file:
            digest = hashlib.sha256()
            while resumed and (block := file.read(CHUNK)):
                digest.update(block)
            progress(Transfer(done, size))
            while block := _read(response):
                file.write(block)
                digest.update(block)
                done += len(block)
                progress(Transfer(done, size))
            file.flush()
            os.fsync(file.fileno())
    if size is not None and done != size:
        raise _TransferError(f"only {done} of {size} bytes have arrived", passing=True)
    return digest.hexdigest()


def _brings_rest(response: Any, part: _Part, present: int) -> bool:
    """Return whether a response contains the missing part rather than the whole file."""
    status, headers = response.status, response.headers
    if status == 200:
        return False
    if status in (206, 416):
        fits = present and headers.get("Content-Range", "").startswith(f"bytes {present}-")
        if fits and headers.get("ETag", part.etag()) == part.etag():
            return True
        part.discard()
        raise _TransferError("the server now has another version of the file", passing=True)
    reason = " ".join(str(response.reason).split()).rstrip(".")
    raise _TransferError(f"the server answered {status} {reason}", passing=status in PASSING)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"{folder} has {free / 1e6:.0f} MB free, and the download needs {needed / 1e6:.0f} MB.",
            "Free some space, or choose another folder with --dir.",
        )


class _CheckedRedirects(HTTPRedirectHandler):
    """Follow redirects only to addresses that a user could have given, and never away from https."""

    http_error_308 = HTTPRedirectHandler.http_error_302  # Python 3.10 does not know it

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _check_url(newurl)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(f"{req.full_url} leads to {newurl}, which is not encrypted.", "Give another --url.")
        return super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if safe and parts.hostname and parts.port != 0 and url.isascii() and url.isprintable() and " " not in url:
            return
    except ValueError:
        pass
    raise DownloadError(f"{url} is not an https address.", "Give the address of a file that begins with https://.")


def _open(request: Request) -> Any:
    """Return the response, whatever its status."""
    try:
        return build_opener(_CheckedRedirects).open(request, timeout=TIMEOUT_S)
    except HTTPError as answer:
        return answer
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        passing = isinstance(cause, (TimeoutError, ConnectionError, HTTPException))
        raise _TransferError(
            _words(cause), passing=passing and not isinstance(cause, ConnectionRefusedError)
        ) from error


def _read(response: Any) -> bytes:
    try:
        block: bytes = response.read1(CHUNK)
        return block
    except (OSError, HTTPException) as error:
        raise _TransferError(_words(error), passing=True) from error


def _words(cause: BaseException | str) -> str:
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(reason.split()).rstrip(".")


def _by_hand(url: str, target: Path) -> str:
    return f"Download {url} by other means and save it as {target}; if a proxy is needed, set HTTPS_PROXY."


@contextmanager
def _locked(target: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Allow one process at a time; the lock file stays, or a third process could lock a new file of the same name."""
    with target.with_name(f"{target.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another process is downloading {target.name}; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
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
