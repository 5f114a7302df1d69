"""Find ffmpeg's programs, limit what they may open, and collect their messages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections import deque
from functools import cache
from pathlib import Path
from typing import IO

from ifrplus_cli.errors import MediaToolError

LEVEL = re.compile(r"\[(info|warning|error|fatal|panic)\] ?")
ADDRESS = re.compile(r"\[[^\]]* @ 0x[0-9a-f]+\] ?")
GRAVE = {"error", "fatal", "panic"}

INSTALL_HINT = "Install it with: apt-get install -y ffmpeg (or set {variable} to the program)."
# Demuxers of films in one file. No others are ever tried: some read other files or addresses that the file names (hls,
# dash, concat, sdp, imf, image2), others accept anything as a picture (tty).
FILM_DEMUXERS = (
    "4xm,apng,asf,asf_o,av1,avi,avs2,avs3,bink,cavsvideo,dhav,dirac,dnxhd,dv,ea,film_cpk,flic,flv,gif,gxf,h261,h263,h264,hevc,"
    "idcin,ivf,ivr,kux,live_flv,lxf,m4v,matroska,mjpeg,mlv,mov,mpeg,mpegts,mpegvideo,mpjpeg,mtv,mvi,mxf,nsv,nut,nuv,obu,ogg,"
    "pmp,pva,r3d,rm,roq,rpl,smjpeg,smk,swf,ty,vc1,vc1test,vivo,vividas,vmd,wc3movie,webm,wtv,xmv,yuv4mpegpipe"
)
# Options of every ffmpeg that reads a source: this one file, and nothing to which it might refer.
SOURCE_LIMITS = {"protocol_whitelist": "file", "format_whitelist": FILM_DEMUXERS}


def find_tool(name: str) -> str:
    """Return the path of ``ffmpeg`` or ``ffprobe``: ``IFRPLUS_FFMPEG`` / ``IFRPLUS_FFPROBE`` first, then PATH.

    Raises:
        MediaToolError: if it does not exist.
    """
    variable = f"IFRPLUS_{name.upper()}"
    wanted = os.environ.get(variable) or name
    found = shutil.which(wanted)
    if found is None:
        raise MediaToolError(f"The program {wanted} was not found.", INSTALL_HINT.format(variable=variable))
    return str(Path(found).absolute())


def tool_version(name: str) -> str:
    """Return version and path of ffmpeg or ffprobe, or a message that it is missing."""
    try:
        path = find_tool(name)
        state = Path(path).stat()
    except MediaToolError as error:
        return f"{error.message} {error.hint}"
    return _version_of(path, state.st_mtime_ns, state.st_size)


@cache
def _version_of(path: str, *state: int) -> str:
    """Return what a program says of itself; it is run once for several films, unless its file changes."""
    text = subprocess.run(
        [path, "-version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", check=False
    ).stdout
    words = text.split(maxsplit=3)
    return f"{words[2]} ({path})" if len(words) > 2 else f"does not run ({path})"


def source_url(path: Path) -> str:
    """Return the path as an ffmpeg input that is always read as one local file, whatever characters it contains."""
    return f"file:{path.absolute()}"


def is_text(path: Path) -> bool:
    """Return whether the whole path is valid text; ffmpeg-python accepts no other."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


def last_line(stderr: bytes | str, path: Path) -> str:
    """Return the last line that ffmpeg wrote, without addresses and without the path, as part of a sentence."""
    text = stderr.decode("utf-8", "replace") if isinstance(stderr, bytes) else stderr
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = lines[-1] if lines else "no reason was given"
    for name in (source_url(path), str(path.absolute()), str(path)):
        reason = reason.replace(f"{name}: ", "")
    if reason.startswith("[") and "] " in reason:
        reason = reason.split("] ", 1)[1]
    return reason.rstrip(".")


class StderrDrain(threading.Thread):
    """Reads an ffmpeg's stderr to its end, and keeps the messages that matter to a user.

    ffmpeg must run with ``-loglevel repeat+level+...``, so that every line states its level.

    Attributes:
        complaints: number of lines of level error or worse so far.
        first_complaint: the first of them, which is usually the cause of the others.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self.complaints = 0
        self.first_complaint = ""
        self._tail: deque[str] = deque(maxlen=20)
        self._stream = stream
        self.start()

    def run(self) -> None:
        """Read to the end of the stream."""
        with self._stream:
            for raw in self._stream:
                line = raw.decode("utf-8", "replace").rstrip()
                if line and not self.consume(line):
                    self._remember(line)
        self.finish()

    def consume(self, line: str) -> bool:
        """Return whether the line was data rather than a message; a subclass extracts what it needs."""
        return False

    def finish(self) -> None:
        """Run once at the end of the stream."""

    def _remember(self, line: str) -> None:
        level = LEVEL.search(line)
        message = ADDRESS.sub("", LEVEL.sub("", line, count=1)).strip().rstrip(".")
        if level and level[1] in GRAVE:
            self.complaints += 1
            self.first_complaint = self.first_complaint or message
        self._tail.append(message)

    def reason(self, exit_code: int = 0) -> str:
        """Return why ffmpeg ended, as part of a sentence; wait for the end of the stream.

        Args:
            exit_code: of the process, if it is known; a negative one is the number of the signal that ended it.
        """
        self.join()
        if exit_code < 0:
            return f"it was ended by {signal.Signals(-exit_code).name}"
        return self.first_complaint or (self._tail[-1] if self._tail else "it gave no reason")
