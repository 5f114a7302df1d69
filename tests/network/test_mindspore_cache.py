"""Cached graphs: found again, never confused, never used when damaged, and never an obstacle."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from safetensors.numpy import save_file

from ifrplus_cli.network.device import choose_device
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.mindspore_cache import KEPT_GRAPHS, graph_folder, graphs_folder


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def put(*facts: object, text: str = "graph") -> None:
    with graph_folder(*facts) as folder:
        assert folder is not None
        (folder / "graph").write_text(text)


def found(*facts: object) -> str | None:
    """What is kept; nothing is changed where nothing is."""
    with graph_folder(*facts) as folder:
        assert folder is not None
        return (folder / "graph").read_text() if (folder / "graph").exists() else None


def test_a_graph_is_found_by_everything_on_which_it_depends() -> None:
    put("lite", (1, 2))
    assert found("lite", (1, 2)) == "graph"
    assert found("lite", (2, 1)) is None
    assert len(list(graphs_folder().iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "added", "lost"])
def test_a_damaged_graph_is_dropped(damage: str) -> None:
    put("lite")
    (folder,) = graphs_folder().iterdir()
    if damage == "lost":
        (folder / "graph").unlink()
    else:
        (folder / ("graph" if damage == "cut" else "more")).write_text("gra")
    assert found("lite") is None
    put("lite", text="new")
    assert found("lite") == "new"


def test_a_failed_graph_is_not_kept() -> None:
    with pytest.raises(RuntimeError), graph_folder("lite") as folder:
        assert folder is not None
        (folder / "graph").write_text("half")
        raise RuntimeError
    assert list(graphs_folder().iterdir()) == []


def test_the_most_recently_used_graphs_are_kept() -> None:
    for number in range(KEPT_GRAPHS + 3):
        put(number)
        (newest,) = (each for each in graphs_folder().iterdir() if each.stat().st_mtime > 1e6)
        os.utime(newest, (number, number))
    assert found(KEPT_GRAPHS + 2) == "graph"
    assert found(0) is None
    assert len(list(graphs_folder().iterdir())) == KEPT_GRAPHS


def test_an_unusable_cache_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with graph_folder("lite") as folder:
        assert folder is None


class Scaled(nn.Cell):
    """The smallest network."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = ms.Parameter(np.ones(3, np.float32))

    def construct(self, picture: ms.Tensor) -> ms.Tensor:
        return picture * self.factor + 1


def scale(weights: Path, *shapes: tuple[int, int]) -> list[np.ndarray]:
    """In a process of its own: pictures of ones of some shapes, by MindSpore."""
    choose_device("CPU")
    network = MindSporeNetwork(Scaled(), weights, "scaled")
    return [network(np.ones(shape, np.float32)) for shape in shapes]


def test_mindspore_takes_a_kept_graph_for_other_weights_and_never_for_another_shape(tmp_path: Path) -> None:
    for factor in (2, 3):
        save_file({"factor": np.full(3, factor, np.float32)}, tmp_path / f"{factor}.safetensors")
    server = multiprocessing.get_context("forkserver")  # it imports MindSpore once for all the processes
    server.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, server, max_tasks_per_child=1) as pool:

        def scaled(factor: int, *shapes: tuple[int, int]) -> None:
            made = pool.submit(scale, tmp_path / f"{factor}.safetensors", *shapes).result()
            for picture, shape in zip(made, shapes, strict=True):
                np.testing.assert_array_equal(picture, np.full(shape, factor + 1))

        scaled(2, (2, 3), (5, 3))
        (graph,) = graphs_folder().rglob("*.mindir")
        written = graph.stat().st_mtime_ns
        scaled(3, (2, 3), (5, 3))
        assert graph.stat().st_mtime_ns == written
        scaled(3, (5, 3), (2, 3))
        graph.chmod(0o600)
        graph.write_bytes(graph.read_bytes()[:100])
        scaled(2, (2, 3))
        assert len(list(graphs_folder().rglob("*.mindir"))) == 2
