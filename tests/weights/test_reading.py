"""Parameters are read from files of any kind that is safe, and refused with reasons."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.weights.reading import (
    TRAINING_STATE,
    check_names,
    load_weights,
    network_parameters,
    read_metadata,
    read_weights,
    write_weights,
)


def test_parameters_are_read_as_float32(tmp_path: Path) -> None:
    save_file({"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.ones(2)}, tmp_path / "w.safetensors")
    found = load_weights(tmp_path / "w.safetensors", {"a": (2, 3), "b": (2,)})
    assert {name: (value.dtype, value.shape) for name, value in found.items()} == {
        "a": (np.float32, (2, 3)),
        "b": (np.float32, (2,)),
    }
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("content", [None, b"", b"not weights at all, but long enough to look at"])
def test_other_files_than_safetensors_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="can't be read as weights"):
        read_weights(path)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(broken: float, tmp_path: Path) -> None:
    save_file({"a": np.ones(3), "b": np.array([1, broken])}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"is damaged: 1 parameters \(such as b\) are not finite"):
        load_weights(tmp_path / "w.safetensors", {"a": (3,), "b": (2,)})


def test_an_unknown_number_type_is_refused(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ModelError, match=r"can't be read as weights: .*float8"):
        read_weights(tmp_path / "w.safetensors")


NETWORK = ["head.0.weight", "head.0.bias", "body.weight", "scale"]
COPIES = ["moment1.", "moment2.", "adam_m.", "accu_grads.", "optimizer.moments."]
COUNTERS = ["learning_rate", "global_step", "beta1_power", "optimizer.learning_rate_group_0", "scale_sense"]
LOSS = ["loss.vgg.0.weight", "loss.head.0.weight"]


@given(
    prefix=st.sampled_from(["", "network.", "network.backbone.", "optimizer.network."]),
    copies=st.sets(st.sampled_from(COPIES)),
    counters=st.sets(st.sampled_from(COUNTERS)),
    with_loss=st.booleans(),
    order=st.randoms(),
)
def test_a_network_is_found_in_a_training_checkpoint(
    prefix: str, copies: set[str], counters: set[str], with_loss: bool, order: Random
) -> None:
    own = [prefix + name for name in NETWORK]
    stored = [*own, *(copy + name for copy in copies for name in own), *counters]
    stored += LOSS if with_loss and (copies or counters) else []
    order.shuffle(stored)
    found = network_parameters({name: name for name in stored}, NETWORK)
    assert found == {name: prefix + name for name in NETWORK}


@pytest.mark.parametrize(
    ("stored", "left"),
    [
        ([*NETWORK, "more.weight"], {*NETWORK, "more.weight"}),  # without optimizer states nothing is left out
        ([*NETWORK, "global_step", "head.1.weight"], {*NETWORK, "head.1.weight"}),  # a larger network
        ([*NETWORK[1:], "global_step", "more.weight"], {*NETWORK[1:], "more.weight"}),  # another network
        ([*(f"ema.{name}" for name in NETWORK), *NETWORK], {*(f"ema.{name}" for name in NETWORK), *NETWORK}),  # two
        (["other.weight"], {"other.weight"}),
        ([], set()),
    ],
)
def test_parameters_of_another_network_stay_to_be_refused(stored: list[str], left: set[str]) -> None:
    assert network_parameters({name: name for name in stored}, NETWORK).keys() == left


@pytest.mark.parametrize("name", MODELS)
def test_no_parameter_of_a_network_is_taken_for_training_state(name: str) -> None:
    cell = MODELS[name].build(Scales(1), "fp32")
    assert not [name for name, _ in cell.parameters_and_names() if TRAINING_STATE.fullmatch(name)]


SHAPES = {"a": (2, 3), "b": (4,)}


def test_weights_that_fit_pass() -> None:
    check_names(dict(SHAPES), SHAPES, Path("w"))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"a": (2, 3)}, "1 missing (such as b)"),
        ({**SHAPES, "c": (1,), "d": (1,)}, "2 unexpected (such as c)"),
        ({"a": (3, 2), "b": (4,)}, "1 of another shape (such as a: 3x2 instead of 2x3)"),
        ({"c": (1,)}, "2 missing (such as a), 1 unexpected (such as c)"),
    ],
)
def test_weights_of_another_network_are_refused_with_what_differs(found: dict[str, tuple[int, ...]], told: str) -> None:
    with pytest.raises(ModelError) as refused:
        check_names(found, SHAPES, Path("w.safetensors"))
    assert told in refused.value.message


def test_equal_weights_make_equal_files(tmp_path: Path) -> None:
    card = dict.fromkeys(("source_sha256", "licence", "name", "source", "version"), "text")
    values = {"layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "layer.bias": np.ones(3, np.float16)}
    contents = set()
    for number in range(8):
        write_weights(values, tmp_path / f"{number}.safetensors", card)
        contents.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(contents) == 1
    assert read_metadata(tmp_path / "0.safetensors") == card
    found = read_weights(tmp_path / "0.safetensors")
    np.testing.assert_array_equal(found["layer.weight"], values["layer.weight"])
    np.testing.assert_array_equal(found["layer.bias"], values["layer.bias"])


def test_weights_are_written_whole_with_their_card(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights({"a": np.ones(3, np.float32)}, path, {"name": "lite"})
    assert read_metadata(path) == {"name": "lite"}
    assert load_weights(path, {"a": (3,)})["a"].tolist() == [1, 1, 1]
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ModelError, match="can't be read"):
        read_metadata(path)
