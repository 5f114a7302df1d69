"""A kept graph belongs to the code of the networks: where one of its files changes, a new one is made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
import pytest
from mindspore import nn
from safetensors.numpy import save_file

from ifrplus_cli.models import MODELS, Scales, blocks
from ifrplus_cli.network import engine_mindspore, network_code
from ifrplus_cli.network.device import choose_device
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.network_code import FOLDER, code_checksum
from ifrplus_cli.network.onnx_cache import find_graph


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the networks' files, which may be changed."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "models"))
    monkeypatch.setattr(network_code, "FOLDER", folder)
    return folder


def change(code: Path, name: str = "blocks.py") -> None:
    text = (code / name).read_bytes()
    (code / name).write_bytes(text[:-1] + b" ")  # as long as before


def test_the_networks_are_where_they_are_looked_for() -> None:
    assert Path(blocks.__file__) == FOLDER / "blocks.py"
    assert {"ifrplus.py", "lite.py", "ifrnet.py", "ops.py", "onnx_graph.py"} <= {
        path.name for path in FOLDER.glob("*.py")
    }


def test_each_file_counts_with_its_name_and_content(code: Path) -> None:
    seen = {code_checksum()}
    assert code_checksum() in seen
    for path in sorted(code.glob("*.py")):
        change(code, path.name)
        seen.add(code_checksum())
    (code / "lite.py").rename(code / "lighter.py")
    seen.add(code_checksum())
    (code / "more.py").touch()
    seen.add(code_checksum())
    assert len(seen) == len(list(code.glob("*.py"))) + 2


class Doubled(nn.Cell):
    """The smallest network."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = ms.Parameter(np.ones(3, np.float32))

    def construct(self, picture: ms.Tensor) -> ms.Tensor:
        return picture * self.factor * 2


def test_a_changed_file_makes_a_new_compiled_graph(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    @contextmanager
    def graph_folder(*facts: object) -> Iterator[None]:
        keys.append(repr(facts))
        yield None

    monkeypatch.setattr(engine_mindspore, "graph_folder", graph_folder)
    save_file({"factor": np.ones(3, np.float32)}, tmp_path / "factor.safetensors")
    choose_device("CPU")

    def run() -> None:
        monkeypatch.setattr(MindSporeNetwork, "_keeps", True)  # as in a process that has just begun
        MindSporeNetwork(Doubled(), tmp_path / "factor.safetensors", "doubled")(np.ones((2, 3), np.float32))

    run()
    run()
    change(code)
    run()
    assert len(keys) == 3
    assert keys[0] == keys[1] != keys[2]


def test_a_changed_file_makes_a_new_onnx_graph(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path))
    spec = MODELS["ifrnet-s"]
    assert spec.graph is not None
    weights = tmp_path / "ifrnet-s.safetensors"
    save_file({name: np.zeros(shape, np.float32) for name, shape in spec.graph.shapes.items()}, weights)

    def written() -> int:
        kept = find_graph(spec, Scales(1.0), weights)
        assert isinstance(kept, Path)
        onnx.load(kept, load_external_data=False)
        return kept.stat().st_mtime_ns

    first = written()
    assert written() == first
    change(code)
    second = written()
    assert second != first
    assert written() == second
