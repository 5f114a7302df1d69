"""Receive a file by https: resume where it stopped, retry what may pass, follow no redirect away from https."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ifrplus_cli import __version__
from ifrplus_cli.errors import DownloadError, OutputError
from ifrplus_cli.weights.install import record_path

CHUNK = 2**18  # bytes
TIMEOUT_S = 30.0  # without any data
PAUSES_S = (1.0, 3.0, 9.0)  # before retrying an attempt that brought nothing
PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))  # status codes that may be temporary
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True)
class Transfer:
    """Progress of a download in bytes; ``size`` is None if the server does not state it."""

    done: int
    size: int | None


class TransferError(Exception):
    """Why an attempt failed; after a ``passing`` failure another attempt is worthwhile."""

    def __init__(self, what: str, *, passing: bool = False) -> None:
        super().__init__(what)
        self.passing = passing


class PartialFile:
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


def receive(part: PartialFile, progress: Callable[[Transfer], None], say: Callable[[str], None]) -> str:
    """Complete the part, with retries as long as each brings it further, and return its SHA-256."""
    failures = 0
    while True:
        before = part.size()
        try:
            return _attempt(part, progress)
        except TransferError as fault:
            failures = 1 if part.size() > before else failures + 1
            if not fault.passing or failures > len(PAUSES_S):
                raise
            pause = PAUSES_S[failures - 1]
            say(f"The download broke off: {fault}. Trying again in {pause:g} s.")
        time.sleep(pause)


def _attempt(part: PartialFile, progress: Callable[[Transfer], None]) -> str:
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
        raise TransferError(f"only {done} of {size} bytes have arrived", passing=True)
    return digest.hexdigest()


def _brings_rest(response: Any, part: PartialFile, present: int) -> bool:
    """Return whether a response contains the missing part rather than the whole file."""
    status, headers = response.status, response.headers
    if status == 200:
        return False
    if status in (206, 416):
        fits = present and headers.get("Content-Range", "").startswith(f"bytes {present}-")
        if fits and headers.get("ETag", part.etag()) == part.etag():
            return True
        part.discard()
        raise TransferError("the server now has another version of the file", passing=True)
    reason = " ".join(str(response.reason).split()).rstrip(".")
    raise TransferError(f"the server answered {status} {reason}", passing=status in PASSING)


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
        check_url(newurl)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(f"{req.full_url} leads to {newurl}, which is not encrypted.", "Give another --url.")
        return super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)


def check_url(url: str) -> None:
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
        raise TransferError(_words(cause), passing=passing and not isinstance(cause, ConnectionRefusedError)) from error


def _read(response: Any) -> bytes:
    try:
        block: bytes = response.read1(CHUNK)
        return block
    except (OSError, HTTPException) as error:
        raise TransferError(_words(error), passing=True) from error


def _words(cause: BaseException | str) -> str:
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(reason.split()).rstrip(".")
