"""Keep MindSpore's compiled graphs for the next run: one folder for each, in the user's cache.

MindSpore itself identifies a cached graph only by its number in the process, and uses it for whatever is compiled with
that number, whatever its shape. Therefore a folder is named after everything on which a graph depends, holds one graph,
and appears only once it is complete; a folder whose files have changed since is rebuilt.
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
from ifrplus_cli.system import cache_folder

KEPT_GRAPHS = 16  # graphs, of a few megabytes each
SUMS = "sha256"


def graphs_folder() -> Path:
    """Return ``ifrplus/graphs`` in the user's cache folder."""
    return cache_folder() / "ifrplus" / "graphs"


@contextmanager
def graph_folder(*facts: object) -> Iterator[Path | None]:
    """Yield the folder of a graph: the kept one, or a new one that is kept after the block unless it is empty.

    Failures with folders and files are not errors: the value is None if there can't be a folder.

    Args:
        facts: everything on which the graph depends.
    """
    folder = graphs_folder() / hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    if _is_whole(folder):
        with suppress(OSError):
            os.utime(folder)  # the most recently used ones are kept
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
    for old in sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT_GRAPHS]:
        shutil.rmtree(old, ignore_errors=True)
