"""A web server on this machine with configurable behaviour."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """How the server meets one request.

    Attributes:
        status: an error, or a redirect to ``location``.
        cut: bytes of the body after which the connection is closed.
        stalls: wait for ``Site.go_on`` after ``cut`` bytes before the rest is sent.
        ranges: whether the header Range is understood.
        length: whether the length is told.
        etag: sent in place of the site's.
    """

    status: int | None = None
    location: str | None = None
    cut: int | None = None
    stalls: bool = False
    ranges: bool = True
    length: bool = True
    etag: str | None = None


@dataclass
class Site:
    """The server's content, its next behaviour, and the requests it received."""

    content: bytes
    etag: str | None = '"v1"'
    answers: list[Answer] = field(default_factory=list)
    default: Answer = field(default_factory=Answer)
    asked: list[dict[str, str]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    @property
    def url(self) -> str:
        return f"{self.address}/weights.ckpt"

    @property
    def ranges(self) -> list[str | None]:
        """The header Range of each request."""
        return [headers.get("Range") for headers in self.asked]


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            site.asked.append({"path": self.path, **dict(self.headers.items())})
            answer = site.answers.pop(0) if site.answers else site.default
            if answer.status is not None:
                self.send_response(answer.status)
                if answer.location is not None:
                    self.send_header("Location", answer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            start, etag = 0, answer.etag or site.etag
            wanted = self.headers.get("Range", "")
            if answer.ranges and wanted and self.headers.get("If-Range", site.etag) == site.etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            body = site.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
            if etag:
                self.send_header("ETag", etag)
            if answer.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: answer.cut])
            if answer.stalls:
                self.wfile.flush()
                site.go_on.wait(20)
                self.wfile.write(body[answer.cut :])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield site
    finally:
        site.go_on.set()
        server.shutdown()
        server.server_close()
