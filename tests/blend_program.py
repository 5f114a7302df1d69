"""The real command line with a blend for its network: it starts at once, and needs neither MindSpore nor weights.

With ``STALL_MARK`` in the environment the network makes that file when it is first called, and never answers.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from clips import blend_model

from ifrplus_cli import cli
from ifrplus_cli.device import Device


def stalling_model(mark: Path) -> Any:
    """A network that never answers."""

    def stall(*_: Any) -> Any:
        mark.touch()
        threading.Event().wait()

    return blend_model(stall)


def load(*_: Any) -> Any:
    """Stands in for choosing a device and loading the weights."""
    mark = os.environ.get("STALL_MARK")
    return (stalling_model(Path(mark)) if mark else blend_model()), Device("CPU")


if __name__ == "__main__":
    cli._load = load
    cli.main()
