"""The IFRNet family in ONNX Runtime: the same pictures as in MindSpore, and graphs that are kept while they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden import maker, running_in
from safetensors.numpy import save_file

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.models.ifrnet_family import shapes, widths_of
from ifrplus_cli.network import onnx_cache
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER, OnnxNetwork

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

GOLDEN = maker("make_ifrnet_golden")
NAMES = {"s": "ifrnet-s", "base": "ifrnet", "l": "ifrnet-l"}
TOLERANCE = 1e-4
SMALL, SHAPE = MODELS["ifrnet-s"], (1, 32, 48)


def write_weights(folder: Path, name: str, factor: float = 1.0) -> Path:
    """The golden rule's weights where the program looks for a network's."""
    path = folder / f"{name}.safetensors"
    values = {key: np.float32(factor) * GOLDEN.rule(key, shape) for key, shape in shapes(widths_of(name)).items()}
    save_file(values, path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for weights, with those of the small network."""
    monkeypatch.setenv("IFRPLUS_WEIGHTS", str(tmp_path))
    write_weights(tmp_path, "ifrnet-s")
    return tmp_path


def pictures(height: int, width: int, count: int = 1) -> list[np.ndarray]:
    draw = np.random.default_rng(5)
    return [draw.random((count, 3, height, width), np.float32) for _ in range(2)]


@pytest.mark.parametrize("name", GOLDEN.CASES)
def test_it_makes_the_same_as_its_twin(name: str, tmp_path: Path) -> None:
    case = GOLDEN.CASES[name]
    spec = MODELS[NAMES[case.member] + "-gopro"]
    weights = write_weights(tmp_path, NAMES[case.member])
    with np.load(Path(__file__).parent / "ifrnet_golden.npz") as file:
        left, right = file[f"{name}/input"] / np.float32(255)
        expected = file[f"{name}/made"]
    shape = (1, case.height, case.width)
    network = OnnxNetwork(spec, shape, CPU_PROVIDER, weights=weights, scales=Scales(case.flow_scale))
    made = network(left, right, np.full((1, 1, 1, 1), case.t, np.float32))
    np.testing.assert_allclose(made, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["ifrnet-s", "ifrnet-s-gopro"])
@pytest.mark.parametrize("flow_scale", [1.0, 0.5, 0.25])
def test_both_engines_make_the_same_pictures_of_any_size(name: str, flow_scale: float, tmp_path: Path) -> None:
    spec, scales = MODELS[name], Scales(flow_scale)
    weights = write_weights(tmp_path, name)
    onnx = OnnxNetwork(spec, SHAPE, CPU_PROVIDER, weights=weights, scales=scales)
    with running_in("pynative"):
        mindspore = MindSporeNetwork(spec.build(scales, "fp32"), weights)
        for size, count in (((64, 64), 1), ((128, 192), 2), ((320, 64), 1)):
            inputs = pictures(*size, count)
            if spec.any_timestep:
                inputs.append(np.linspace(0.2, 0.7, count, dtype=np.float32).reshape(-1, 1, 1, 1))
            np.testing.assert_allclose(onnx(*inputs), mindspore(*inputs), atol=TOLERANCE, rtol=0)


def test_a_graph_is_kept_and_read_by_other_programs(folder: Path) -> None:
    import onnxruntime

    made = OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER)(*pictures(*SHAPE[1:]))
    kept = folder / "ifrnet-s-flow-1.onnx"
    before = kept.stat().st_mtime_ns
    OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER)
    assert kept.stat().st_mtime_ns == before
    OnnxNetwork(SMALL, (1, 64, 64), CPU_PROVIDER, scales=Scales(1 / 4))
    assert {path.name for path in folder.iterdir()} == {
        "ifrnet-s.safetensors",
        "ifrnet-s-flow-1.onnx",
        "ifrnet-s-flow-0.25.onnx",
    }
    session = onnxruntime.InferenceSession(str(kept), providers=[CPU_PROVIDER])
    alone = session.run(None, dict(zip(SMALL.inputs, pictures(*SHAPE[1:]), strict=True)))[0]
    np.testing.assert_allclose(alone, made, atol=1e-5)


@pytest.mark.parametrize("why", ["other weights", "other code", "damaged", "of something else"])
def test_a_graph_that_no_longer_fits_is_rebuilt(why: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER)
    kept = folder / "ifrnet-s-flow-1.onnx"
    if why == "other weights":
        write_weights(folder, "ifrnet-s", 0.5)
    elif why == "other code":
        monkeypatch.setattr(onnx_cache, "code_checksum", lambda: "0")
    elif why == "damaged":
        kept.write_bytes(kept.read_bytes()[:1000])
    else:
        kept.write_bytes(b"\xff" * 50)
    before = kept.read_bytes()
    made = OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER)(*pictures(*SHAPE[1:]))
    assert kept.read_bytes() != before
    assert made.std() > 0.1


def test_nothing_is_written_beside_weights_that_the_user_names(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("own")
    weights = write_weights(elsewhere, "ifrnet-s", 0.9)
    one = OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER, weights=weights)(*pictures(*SHAPE[1:]))
    other = OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER)(*pictures(*SHAPE[1:]))
    assert [path.name for path in elsewhere.iterdir()] == ["ifrnet-s.safetensors"]
    assert np.abs(one - other).max() > 1e-3


def test_a_read_only_folder_is_no_obstacle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    made = OnnxNetwork(SMALL, SHAPE, CPU_PROVIDER)(*pictures(*SHAPE[1:]))
    assert made.shape == (1, 3, *SHAPE[1:])
    assert [path.name for path in folder.iterdir()] == ["ifrnet-s.safetensors"]


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="does not fit the network"):
        OnnxNetwork(MODELS["ifrnet"], SHAPE, CPU_PROVIDER, weights=folder / "ifrnet-s.safetensors")
