"""PyTorch's archives are read without PyTorch, and everything but tensors of float32 is refused in a sentence."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np
import pytest
from damage import spoilt
from safetensors.numpy import save_file
from torch_files import listed, pickled, tensor, text, torch_archive, whole, zipped

from ifrplus_cli.errors import ModelError
from ifrplus_cli.weights.reading import load_weights, read_weights
from ifrplus_cli.weights.torch_archive import is_torch_archive, read_torch_archive
from ifrplus_cli.weights.torch_pickle import LARGEST_PICKLE, stored_tensors

VALUES = {
    "module.conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "module.conv.bias": np.float32([1, -2]),
    "module.one": np.float32(3),
}
WHOLE = torch_archive(VALUES)
MALFORMED = 1_000


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_tensors_are_read(tmp_path: Path) -> None:
    found = read_torch_archive(written(tmp_path / "w.pth", WHOLE))
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value)
        assert (found[name].dtype, found[name].shape) == (np.float32, value.shape)


def test_a_network_is_loaded_from_an_archive(tmp_path: Path) -> None:
    more = {"module.teacher.conv.weight": np.ones(3, np.float32), "module.caltime.bias": np.ones(1, np.float32)}
    path = written(tmp_path / "w.pkl", torch_archive(VALUES | more))
    found = load_weights(path, {"conv.weight": (2, 3, 2, 2), "conv.bias": (2,), "one": ()})
    np.testing.assert_array_equal(found["conv.weight"], VALUES["module.conv.weight"])
    with pytest.raises(ModelError, match=r"of another shape \(such as conv.bias: 2 instead of 3\)"):
        load_weights(path, {"conv.weight": (2, 3, 2, 2), "conv.bias": (3,), "one": ()})


def test_two_tensors_may_share_numbers(tmp_path: Path) -> None:
    described = {"a": tensor("0", 6, (2, 3), (3, 1)), "b": tensor("0", 6, (1, 2), (9, 1), begin=4)}
    content = zipped({"data.pkl": pickled(described), "data/0": np.arange(6, dtype="<f4").tobytes()})
    found = read_torch_archive(written(tmp_path / "w.pth", content))
    assert (found["a"].tolist(), found["b"].tolist()) == ([[0, 1, 2], [3, 4, 5]], [[4, 5]])


def test_torch_writes_what_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.PReLU(3))
    torch.save(layer.state_dict(), tmp_path / "w.pth")
    found = read_torch_archive(tmp_path / "w.pth")
    assert found.keys() == layer.state_dict().keys()
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(found[name], value.numpy())


def test_it_is_told_from_other_files(tmp_path: Path) -> None:
    assert is_torch_archive(written(tmp_path / "w.pth", WHOLE))
    assert not is_torch_archive(written(tmp_path / "w.zip", zipped({"ifrnet.param": b""})))
    assert not is_torch_archive(written(tmp_path / "w", b"PK\x03\x04 and more"))
    assert not is_torch_archive(tmp_path / "missing")


NUMBERS = {"data/0": bytes(24)}


def with_list(described: bytes) -> bytes:
    return zipped({"data.pkl": described, **NUMBERS})


def with_tensor(*facts: Any, **more: Any) -> bytes:
    return with_list(pickled({"a": tensor(*facts, **more)}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (WHOLE[:-30], "not an undamaged zip file"),
        (WHOLE.replace(np.float32(7).tobytes(), np.float32(8).tobytes()), "checksums are wrong"),
        (zipped({"data.pkl": pickled({}), "byteorder": b"big"}), "another byte order"),
        (zipped({"data.pkl": pickled({})}, method=ZIP_DEFLATED), "damaged, or compressed"),
        (zipped({"a/data.pkl": pickled({}), "b/data.pkl": pickled({})}), "not a PyTorch archive"),
        (zipped({"weights": b""}), "not a PyTorch archive"),
        (zipped({"data.pkl": pickled({"a": tensor("1", 6, (6,), (1,))})}), "numbers are missing"),
        (with_tensor("0", 6, (7,), (1,)), "'a' has more numbers than the file"),
        (with_tensor("0", 7, (7,), (1,)), "'a' has more numbers than the file"),
        (with_tensor("0", 6, (6,), (1,), begin=1), "'a' has more numbers than the file"),
        (with_tensor("0", 6, (6,), (1,), begin=-1), "'a' has more numbers than the file"),
        (with_tensor("0", 6, (3, 2), (1, 3)), "'a' is not stored in order"),
        (with_tensor("0", 6, (2**30, 2**30), (0, 0)), "'a' is not stored in order"),
        (with_tensor("0", 6, (0,), (1,)), "'a' is not stored in order"),
        (with_tensor("0", 6, (-6,), (1,)), "'a' is not stored in order"),
        (with_tensor("0", 6, (1,) * 9, (1,) * 9), "list of its tensors is damaged"),
        (with_tensor("0", 6, (6,), (1,), kind="Long"), "names 'torch LongStorage', and only tensors of float32"),
        (with_list(pickle.dumps(print, 2)), "names '.* print', and only tensors of float32"),
        (with_list(b"\x80\x02cos\nsystem\n" + text("true") + b"\x85R."), "names 'os system'"),
        (with_list(pickle.dumps({}, 4)), "another protocol"),
        (with_list(b"\x80\x02]."), r"uses the pickle opcode b'\]'"),
        (with_list(b"\x80\x02K\x01."), "something other than named tensors"),
        (with_list(b"\x80\x02}K\x01K\x02s."), "something other than named tensors"),
        (with_list(b"\x80\x02}" + text("a") + b"K\x02s."), "'a' is not a tensor"),
        (with_list(b"\x80\x02}(" + 2 * (text("a") + b"K\x02") + b"u."), "'a' twice"),
        (with_list(b"\x80\x02}" + listed(text("a"))[:-1] + b"u."), "is damaged"),
        (with_list(b"\x80\x02h\x07."), "is damaged"),
        (with_list(b"\x80\x02."), "is damaged"),
        (with_list(b"\x80\x02t."), "is damaged"),
        (with_list(b"\x80\x02(0."), "opcode"),
        (with_list(b"\x80\x02}(}s."), "is damaged"),
        (with_list(whole(3)), "ends too early"),
        (with_list(b"\x80\x02ctorch\n"), "ends too early"),
        (with_list(b"(" * (LARGEST_PICKLE + 1)), "too long"),
    ],
)
def test_what_is_no_archive_of_tensors_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=told) as refused:
        read_weights(written(tmp_path / "w.pth", content))
    assert refused.value.hint


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    """One stretch of numbers may not be many storages, which would take longer to check than to store."""
    content = zipped({"data.pkl": pickled({}), **{f"data/{number}": bytes(1000) for number in range(9)}})
    grown = content.replace((1000).to_bytes(4, "little"), (4000).to_bytes(4, "little"))
    with pytest.raises(ValueError, match="entries overlap"):
        read_torch_archive(written(tmp_path / "w.pth", grown))


def test_nested_lists_end_nowhere() -> None:
    """Tuples of tuples describe ever more with a few bytes each; nobody looks into them."""
    with pytest.raises(ValueError, match="something other than named tensors"):
        stored_tensors(b"\x80\x02)" + b"q\x00h\x00\x86" * 20_000 + b".")


@pytest.mark.parametrize("seed", range(2))
def test_malformed_archives_are_refused_in_a_sentence(seed: int, tmp_path: Path) -> None:
    draw, path = Random(seed), tmp_path / "w.pth"
    entries = {
        "data.pkl": pickled({"a": tensor("0", 6, (2, 3), (3, 1)), "b": tensor("1", 2, (2,), (1,))}),
        "data/0": np.arange(6, dtype="<f4").tobytes(),
        "data/1": bytes(8),
    }
    refused = 0
    for number in range(MALFORMED):
        inside = {name: spoilt(draw, content) if name == "data.pkl" else content for name, content in entries.items()}
        path.unlink(missing_ok=True)  # arrays may still be mapped from the last file
        path.write_bytes(zipped(inside) if number % 2 else spoilt(draw, zipped(entries)))
        try:
            found = read_weights(path)
        except ModelError as error:
            assert "\n" not in error.message
            assert error.message.endswith(".")
            assert error.hint
            refused += 1
        else:
            assert sum(value.nbytes for value in found.values()) <= 2 * path.stat().st_size
    assert refused > MALFORMED / 2


def test_a_pickle_alone_is_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    pickle.dump({"a": 1}, made, 2)
    with pytest.raises(ModelError, match="is a pickle"):
        read_weights(written(tmp_path / "w.pth", made.getvalue()))


def test_other_formats_are_still_read(tmp_path: Path) -> None:
    save_file({"a": np.ones(3, np.float32)}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth")["a"].tolist() == [1, 1, 1]
