"""Where MindSpore's compiled graphs are kept for the next run: a folder for each, under the user's cache.

MindSpore itself knows a kept graph by its number in the process alone, and takes it for whatever is compiled with that
number, of any shape. So a folder is named after all that a graph follows from, holds one graph, and appears whole; one
whose files are not those that were put there is made anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ifrplus_cli.files import sha256_of

KEPT = 16  # graphs, of a few megabytes each
SUMS = "sha256"


def graphs_folder() -> Path:
    """``ifrplus/graphs`` in the user's folder for caches."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - never fails
    return Path(caches) / "ifrplus" / "graphs"


@contextmanager
def graph_folder(*facts: object) -> Iterator[Path | None]:
    """The folder of a graph: with the kept one, or a new one that is kept after the block if something is in it.

    What goes wrong with folders and files is no error: None stands for a folder that can't be had.

    Args:
        facts: all that the graph follows from.
    """
    folder = graphs_folder() / hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    if _is_whole(folder):
        with suppress(OSError):
            os.utime(folder)  # the ones that were used last are kept
        yield folder
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    except OSError:
        yield None
        return
    try:
        yield part
        with suppress(OSError):
            _keep(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sums(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    return "".join(f"{sha256_of(path)}  {path.relative_to(folder)}\n" for path in files)


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / SUMS).read_text("utf-8") == _sums(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _keep(part: Path, folder: Path) -> None:
    if not (sums := _sums(part)):
        return
    (part / SUMS).write_text(sums, "utf-8")
    part.rename(folder)
    for old in sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
