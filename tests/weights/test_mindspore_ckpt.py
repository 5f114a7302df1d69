"""MindSpore's checkpoints are read as MindSpore wrote them, and a damaged one is refused with the reason."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import checkpoint, entry, protobuf_field
from golden import running_in
from hypothesis import given, settings
from hypothesis import strategies as st

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.network.device import choose_device
from ifrplus_cli.network.engine import MINDSPORE
from ifrplus_cli.network.interpolator import load_model
from ifrplus_cli.network.plan import plan_network
from ifrplus_cli.weights.mindspore_ckpt import NUMBERS, read_checkpoint
from ifrplus_cli.weights.reading import load_weights, read_weights

SMALL = entry("a.weight", [2, 3], "Float32", bytes(24)) + entry("a.bias", [3], "Float16", bytes(6))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "w.ckpt"
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def mindspore() -> Iterator[Any]:
    """MindSpore without compiled graphs, which take long to make."""
    import mindspore

    from ifrplus_cli.network.device import choose_device

    before = mindspore.get_context("mode")
    choose_device("cpu")
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    yield mindspore
    mindspore.set_context(mode=before)


def training_cell(mindspore: Any, network: Any) -> Any:
    """A network as it is trained: in a cell that renames it, with an optimizer and a loss that has a network too."""
    nn = mindspore.nn

    class Training(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.loss = nn.SequentialCell(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3))
            self.optimizer = nn.AdamWeightDecay(network.trainable_params(), 1e-4)
            self.scale_sense = mindspore.Parameter(mindspore.Tensor(1024.0), name="scale_sense")

    return Training()


@pytest.mark.parametrize("name", ["lite", "ifrplus"])
def test_a_checkpoint_of_a_training_run_gives_the_same_parameters(name: str, mindspore: Any, tmp_path: Path) -> None:
    network = MODELS[name].build(Scales(1), "fp32")
    own = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
    cell = training_cell(mindspore, network)
    mindspore.save_checkpoint(cell, str(tmp_path / "w.ckpt"), append_dict={"epoch_num": 3, "note": "text"})
    stored = {parameter.name for parameter in cell.get_parameters()}
    assert len(stored) > 3 * len(own)
    assert not own.keys() & stored
    loaded = load_weights(tmp_path / "w.ckpt", {name: value.shape for name, value in own.items()})
    assert loaded.keys() == own.keys()
    for key, value in loaded.items():
        np.testing.assert_array_equal(value, own[key])


def test_a_checkpoint_of_a_training_run_gives_the_same_pictures(mindspore: Any, tmp_path: Path) -> None:
    plan = plan_network(MODELS["lite"], MINDSPORE, choose_device("CPU"), (32, 32), [Fraction(1, 2)])
    assert plan.spec.build_parts is not None
    network = plan.spec.build_parts()
    rng = np.random.default_rng(1)
    left, right, alike, prior = (
        rng.random((1, *shape), np.float32) for shape in ((7, 16, 16), (7, 16, 16), (1, 16, 16), (4, 8, 8))
    )
    inputs = (left, right, alike, prior, np.full((1, 1, 1, 1), 0.5, np.float32))
    with running_in("pynative"):  # nothing to compile
        expected = network(*map(mindspore.Tensor, inputs)).asnumpy()
        mindspore.save_checkpoint(training_cell(mindspore, network), str(tmp_path / "w.ckpt"))
        made = load_model(plan, tmp_path / "w.ckpt").network(*inputs)
    assert expected.shape == (1, 7, 16, 16)
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("checked", [False, True])
def test_every_type_is_read_as_mindspore_reads_it(checked: bool, mindspore: Any, tmp_path: Path) -> None:
    kinds = [kind.lower() if kind != "Bool" else "bool_" for kind in NUMBERS]
    values = {kind: np.array([[0, 1, 100]], kind) for kind in kinds}
    saved = [{"name": kind, "data": mindspore.Tensor(value)} for kind, value in values.items()]
    path = tmp_path / "w.ckpt"
    mindspore.save_checkpoint(saved, str(path), append_dict={"step": 7, "rate": 0.5, "note": "x"}, crc_check=checked)
    found = read_checkpoint(path)
    theirs = mindspore.load_checkpoint(str(path))
    assert found.keys() == theirs.keys() - {"note"}
    for name, value in found.items():
        np.testing.assert_array_equal(value, theirs[name].asnumpy(), strict=True)


def test_a_wrong_checksum_is_reported(mindspore: Any, tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    mindspore.save_checkpoint([{"name": "a", "data": mindspore.Tensor([1.0, 2.0])}], str(path), crc_check=True)
    content = bytearray(path.read_bytes())
    content[-18] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="its checksum is wrong, so it is damaged"):
        read_weights(path)


def test_a_number_on_its_own_has_no_dimensions(tmp_path: Path) -> None:
    found = read_checkpoint(written(tmp_path, entry("a", [0], "Int32", b"\x07\0\0\0")))
    assert (found["a"].shape, found["a"].item()) == ((), 7)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"<!doctype html><title>Not found</title>", "it is not a MindSpore checkpoint"),
        (bytes(100), "it is not a MindSpore checkpoint"),
        (b"\xff" * 100, "it is not a MindSpore checkpoint"),
        (protobuf_field(1, 7), "it is not a MindSpore checkpoint"),
        (protobuf_field(2, b"a"), "it is not a MindSpore checkpoint"),
        (checkpoint(1000)[:-1], "it ends too early"),
        (checkpoint(1000)[: 1000 * 4 * 4 // 10], "it ends too early"),
        (entry("a", [2], "Float32", bytes(4)), "a has 4 bytes, which is not 2 of Float32"),
        (entry("a", [2], "Float32", bytes(800)), "a has 800 bytes, which is not 2 of Float32"),
        (entry("a", [2**40, 2**40], "Float32", bytes(8)), "a has 8 bytes, which is not"),
        (entry("a", [2**64 - 2], "Float32", bytes(8)), "a has 8 bytes, which is not"),
        (entry("a", [0, 3], "Float32", b""), "a has 0 bytes, which is not 0x3 of Float32"),
        (entry("a", [2], "BFloat16", bytes(4)), "a is stored as BFloat16, which is not supported"),
        (
            protobuf_field(1, protobuf_field(1, b"a") + protobuf_field(3, b"")),
            "a is stored as something other than a tensor",
        ),
        (entry("a", [1], "Float32", bytes(4)) * 2, "a is stored twice"),
        (entry("\x1b[31m", [1], "Float32", bytes(4)), "it is not a MindSpore checkpoint"),
        (entry("note", [4], "str", b"text"), "contains no parameters"),
    ],
)
def test_the_error_says_what_is_wrong(content: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        read_weights(written(tmp_path, content))
    assert told in refused.value.message
    assert refused.value.message.endswith(".")
    assert refused.value.hint.endswith(".")


@pytest.mark.parametrize("cut", range(len(SMALL)))
def test_no_shorter_file_is_taken_for_the_whole(cut: int, tmp_path: Path) -> None:
    shapes = {"a.weight": (2, 3), "a.bias": (3,)}
    assert load_weights(written(tmp_path, SMALL), shapes).keys() == shapes.keys()
    with pytest.raises(ModelError):
        load_weights(written(tmp_path, SMALL[:cut]), shapes)


@given(changes=st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_never_does_more_than_fail(
    changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(SMALL)
    for place, byte in changes:
        content[place] = byte
    try:
        found = read_checkpoint(written(tmp_path_factory.getbasetemp(), bytes(content)))
    except ValueError:
        return
    assert sum(value.nbytes for value in found.values()) <= len(SMALL)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["w.ckpt", "w.safetensors", "w.pth"])
def test_a_pickle_is_never_loaded(protocol: int, name: str, tmp_path: Path) -> None:
    path, sprung = tmp_path / name, tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(sprung), protocol))
    with pytest.raises(ModelError, match="is a pickle"):
        read_weights(path)
    assert not sprung.exists()


def test_a_zip_of_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.ones(3))
    with pytest.raises(ModelError) as refused:
        read_weights(tmp_path / "w.npz")
    assert "not a PyTorch archive" in refused.value.message
    assert "PyTorch .pth" in refused.value.hint
