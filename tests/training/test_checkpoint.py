"""Checkpoints hold all of a run, the last few are kept, and a run goes on with its own alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ifrplus_cli.errors import InputError, ModelError, OutputError
from ifrplus_cli.training.checkpoint import KEPT_CHECKPOINTS, Position, checkpoints, load, save, write

STATE = {"weight": np.arange(3, dtype=np.float32), "moment1.weight": np.ones(3, np.float32)}
RUN = {"model": "lite", "seed": 1, "recipe": {"losses": (1.0, 2.0)}}


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    position = Position(12, 3.5, 1, 30.25)
    path = save(tmp_path, STATE, position, RUN)
    state, found = load(path, RUN)
    assert found == position
    assert state.keys() == STATE.keys()
    assert all(np.array_equal(state[name], STATE[name]) for name in STATE)


def test_the_last_few_are_kept_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "step-mine.safetensors").touch()
    for step in range(KEPT_CHECKPOINTS + 2):
        save(tmp_path, STATE, Position(step), RUN)
    assert [path.name for path in checkpoints(tmp_path)] == [
        f"step-{step:07}.safetensors" for step in range(2, KEPT_CHECKPOINTS + 2)
    ]
    assert (tmp_path / "step-mine.safetensors").exists()


def test_a_run_with_other_options_is_refused_with_their_names(tmp_path: Path) -> None:
    path = save(tmp_path, STATE, Position(1), RUN)
    with pytest.raises(InputError, match="started with other values of model, seed"):
        load(path, {**RUN, "model": "ifrplus", "seed": 2})


def test_weights_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    write(STATE, tmp_path / "step-0000001.safetensors", {})
    with pytest.raises(ModelError, match="is not a checkpoint of a training run"):
        load(tmp_path / "step-0000001.safetensors", RUN)


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        save(tmp_path / "none", STATE, Position(1), RUN)
