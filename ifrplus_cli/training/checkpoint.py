"""Store a training run's checkpoints: weights, averages and the optimizer's state, completely or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ifrplus_cli.errors import InputError, ModelError, OutputError
from ifrplus_cli.weights.reading import read_metadata, read_weights, write_weights

KEPT_CHECKPOINTS = 3  # checkpoints
NAME = re.compile(r"step-(\d{7})\.safetensors")
CARD = "training"


@dataclass(frozen=True)
class Position:
    """Progress of a run.

    Attributes:
        step: number of finished steps, including skipped ones.
        seconds: of training, in this run and the earlier ones that it resumes.
        skipped: steps whose losses were not finite.
        best: highest validation PSNR so far in dB; 0 before the first validation.
    """

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    best: float = 0.0


def save(folder: Path, state: Mapping[str, npt.NDArray[Any]], position: Position, run: Mapping[str, Any]) -> Path:
    """Write a checkpoint, and delete all but the last few.

    Args:
        folder: folder of the run.
        state: arrays by name.
        position: progress of the run.
        run: settings that must be the same when the run is resumed.

    Raises:
        OutputError: if it can't be written.
    """
    path = folder / f"step-{position.step:07}.safetensors"
    write(state, path, {CARD: json.dumps({"position": asdict(position), "run": run})})
    for old in checkpoints(folder)[:-KEPT_CHECKPOINTS]:
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
            f"{path} can't be written: {error.strerror}.", "Free some space, and continue with --resume."
        ) from error


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest first."""
    return sorted(path for path in folder.glob("step-*.safetensors") if NAME.fullmatch(path.name))


def load(path: Path, run: Mapping[str, Any]) -> tuple[dict[str, npt.NDArray[Any]], Position]:
    """Load state and position from a checkpoint.

    Raises:
        InputError: names the settings that differ from the run that wrote it.
        ModelError: if it can't be read.
    """
    text = read_metadata(path).get(CARD)
    if text is None:
        raise ModelError(f"{path} is not a checkpoint of a training run.", "Remove it from the folder.")
    card = json.loads(text)
    differing = [name for name in run if json.loads(json.dumps(run[name])) != card["run"].get(name)]
    if differing:
        raise InputError(
            f"The run in {path.parent} was started with other values of {', '.join(differing)}.",
            "Give the options of that run, or another --out.",
        )
    return dict(read_weights(path)), Position(**card["position"])
