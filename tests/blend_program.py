"""The real command line with a blend for its network: it starts at once, and needs neither MindSpore nor weights.

``clips.run_blend_here`` does the same without a process of its own.

With ``SLOW_MARK`` in the environment the network makes that file when it is first called, and is slow: it takes
``SECONDS_A_FRAME``. With ``SEGMENT_FRAMES`` that many frames are in a segment.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from blends import blend

from ifrplus_cli.commands import main
from ifrplus_cli.network import choose as network_choice
from ifrplus_cli.network import interpolator
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import MINDSPORE, Choice, Engine
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.plan import NetworkPlan
from ifrplus_cli.pipeline import resume, segments
from ifrplus_cli.reports import facts

INPUTS = ("left", "right", "t")
SECONDS_A_FRAME = float(os.environ.get("SECONDS_A_FRAME", "0.5"))


def slow_blend(*arrays: np.ndarray) -> np.ndarray:
    """A network that takes its time."""
    Path(os.environ["SLOW_MARK"]).touch()
    time.sleep(SECONDS_A_FRAME)
    return blend(*arrays)


def load(plan: NetworkPlan, weights: Path | None = None, *, at_once: int = 1) -> LoadedModel:
    """Stands in for loading the weights."""
    network = slow_blend if "SLOW_MARK" in os.environ else blend
    return LoadedModel(
        replace(plan, spec=replace(plan.spec, inputs=INPUTS, build_parts=None)),
        network,
        Path("blend"),
        "0" * 64,
        at_once,
    )


def choose(*_: object) -> Choice:
    """Stands in for trying what there is."""
    return MINDSPORE, Device("CPU"), "it is a test"


def version(engine: Engine) -> dict[str, str]:
    """Stands in for asking MindSpore, which takes seconds to import."""
    return {engine.name: "none"}


STAND_INS = (
    (network_choice, "choose_engine", choose),
    (resume, "engine_version", version),
    (facts, "engine_version", version),
    (interpolator, "load_model", load),
)

if __name__ == "__main__":
    segments.FRAMES = int(os.environ.get("SEGMENT_FRAMES", segments.FRAMES))
    for module, name, stand_in in STAND_INS:
        setattr(module, name, stand_in)
    main.main()
