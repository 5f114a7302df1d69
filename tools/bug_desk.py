"""Where a case is tried: a folder, ffmpeg to make its input, and the program under test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bug_facts import Film
from sample_clips import sample_clips

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = (sys.executable, "-m", "ifrplus_cli")
LIMIT = 900  # seconds that one run may take
V = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1")
A = ("-f", "lavfi", "-i", "sine=440:d=1")
X = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")

Check = tuple[bool, str]  # whether it is right, and what was seen


@dataclass(frozen=True)
class Run:
    """What the program did.

    Attributes:
        said: all of stdout and stderr on one line.
        facts: the JSON object, empty without one.
    """

    name: str
    code: int
    said: str
    facts: dict[str, Any]
    output: Path

    @property
    def film(self) -> Film:
        """What it has written."""
        return Film(self.output)

    @property
    def notes(self) -> str:
        """The notes of the JSON object, one after the other."""
        return " ".join(self.facts.get("notes", []))

    @property
    def worked(self) -> bool:
        """Whether there is a finished film."""
        return self.code == 0 and self.output.exists()

    def works(self) -> Check:
        """A finished film, or what was said in its place."""
        return self.worked, f"{self.name}: {'done' if self.worked else self.failure}"

    @property
    def failure(self) -> str:
        """The sentence of a failure."""
        return f"exit {self.code}, {self.said.partition('error: ')[2] or self.said[-160:]}"[:240]

    def says(self, *words: str, where: str | None = None) -> Check:
        """Whether all words stand in what was said, in whatever case."""
        text = (self.said if where is None else where).lower()
        lacking = [word for word in words if word.lower() not in text]
        return not lacking, f"{self.name}: says {', '.join(words)}" if not lacking else f"{self.name}: no {lacking}"

    def refuses(self, *words: str) -> Check:
        """Whether it ends as a known failure, before the run, in a sentence with these words."""
        told, said = self.says(*words)
        known = self.code in (1, 2) and "Traceback" not in self.said and "not what was promised" not in self.said
        return known and told, f"{said}; {self.failure}"


class Desk:
    """A folder for one case."""

    def __init__(self, folder: Path, bikes_twice: Path, scte35: Path | None) -> None:
        self.folder = folder
        self.bikes = sample_clips() / "bikes.mp4"
        self._bikes_twice = bikes_twice
        self.scte35 = scte35

    @property
    def bikes_50(self) -> Path:
        """The clip at twice its rate, as ``make demo`` writes it; made once for all cases."""
        if not self._bikes_twice.exists():
            run = self.upsample(self.bikes, self._bikes_twice)
            if not run.worked:
                raise SystemExit(run.failure)
        return self._bikes_twice

    def make(self, name: str, *arguments: object) -> Path:
        """A file that ffmpeg makes."""
        self.run_tool("ffmpeg", "-v", "error", "-nostdin", "-y", *arguments, name)
        return self.folder / name

    def run_tool(self, *command: object) -> str:
        """Run a program in the folder; returns its stdout."""
        words = [str(word) for word in command]
        done = subprocess.run(
            words, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(words)}\n{done.stderr}{done.stdout}")
        return done.stdout

    def write(self, name: str, content: str | bytes) -> Path:
        """A file of this content."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def upsample(self, source: object, output: object, *options: object) -> Run:
        """``ifrplus upsample``, with its JSON object."""
        return self.program("upsample", source, output, "--json", *options, output=output)

    def program(self, *arguments: object, output: object = "none") -> Run:
        """The program as a person runs it."""
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
        said = " ".join(f"{done.stdout} {done.stderr}".split())
        path = self.folder / str(output)
        return Run(f"{arguments[0]} {path.name}", done.returncode, said, _object(done.stdout), path)

    def interrupt(self, source: object, output: str) -> bool:
        """Stop a long run once its first segment is kept; False if it ended by itself."""
        command = [*PROGRAM, "upsample", str(source), output, "-q"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=self.folder, env=self._environment, **quiet)
        kept = self.folder / f"{output}.ifrplus" / "000000.segment"
        while process.poll() is None and not kept.exists():
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        return process.wait(LIMIT) != 0

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "2000"}


def _object(stdout: str) -> dict[str, Any]:
    for line in stdout.splitlines():
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    return {}
