"""What a training run keeps on the disk: weights, averages and the optimizer's state, whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ifrplus_cli.errors import InputError, ModelError, OutputError
from ifrplus_cli.weights.reading import read_card, read_weights, write_weights

KEPT = 3  # checkpoints
NAME = re.compile(r"step-(\d{7})\.safetensors")
CARD = "training"


@dataclass(frozen=True)
class Position:
    """How far a run is.

    Attributes:
        step: steps that are done, skipped ones too.
        seconds: of training, in this run and those that it goes on with.
        skipped: steps whose losses were no numbers.
        best: highest validation PSNR so far in dB; 0 before the first.
    """

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    best: float = 0.0


def save(folder: Path, state: Mapping[str, npt.NDArray[Any]], position: Position, run: Mapping[str, Any]) -> Path:
    """Write a checkpoint, and take away older ones than the last few.

    Args:
        run: what must be the same when the run goes on.

    Raises:
        OutputError: if it can't be written.
    """
    path = folder / f"step-{position.step:07}.safetensors"
    write(state, path, {CARD: json.dumps({"position": asdict(position), "run": run})})
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def write(values: Mapping[str, npt.NDArray[Any]], path: Path, card: Mapping[str, str]) -> None:
    """Write a file of weights.

    Raises:
        OutputError: if it can't be written.
    """
    try:
        write_weights(values, path, card)
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror}.", "Make room, and go on with --resume."
        ) from error


def checkpoints(folder: Path) -> list[Path]:
    """Those in a folder, oldest first."""
    return sorted(path for path in folder.glob("step-*.safetensors") if NAME.fullmatch(path.name))


def load(path: Path, run: Mapping[str, Any]) -> tuple[dict[str, npt.NDArray[Any]], Position]:
    """State and position of a checkpoint.

    Raises:
        InputError: names what is different from the run that wrote it.
        ModelError: if it can't be read.
    """
    told = read_card(path).get(CARD)
    if told is None:
        raise ModelError(f"{path} is no checkpoint of a training run.", "Take it out of the folder.")
    card = json.loads(told)
    differing = [name for name in run if json.loads(json.dumps(run[name])) != card["run"].get(name)]
    if differing:
        raise InputError(
            f"The run in {path.parent} was begun with another {', '.join(differing)}.",
            "Give the options of that run, or another --out.",
        )
    return dict(read_weights(path)), Position(**card["position"])
