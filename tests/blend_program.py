"""The real command line with a blend for its network: it starts at once, and needs neither MindSpore nor weights.

With ``SLOW_MARK`` in the environment the network makes that file when it is first called, and is slow.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from clips import blend, blend_model

from ifrplus_cli import cli
from ifrplus_cli.device import Device

SECONDS_A_FRAME = 0.5


def slow_blend(*arrays: np.ndarray) -> np.ndarray:
    """A network that takes its time."""
    Path(os.environ["SLOW_MARK"]).touch()
    time.sleep(SECONDS_A_FRAME)
    return blend(*arrays)


def load(*_: Any) -> Any:
    """Stands in for choosing a device and loading the weights."""
    return blend_model(slow_blend if "SLOW_MARK" in os.environ else blend), Device("CPU")


if __name__ == "__main__":
    cli._load = load
    cli.main()
