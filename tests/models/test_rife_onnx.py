"""RIFE in ONNX Runtime: the same pictures as in MindSpore and as the published network's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden import REFERENCE, maker, running_in
from safetensors.numpy import save_file

from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.models.rife_layers import shapes
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER, OnnxNetwork
from ifrplus_cli.weights.manifest import find_weights

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

GOLDEN = maker("make_rife_golden")
RIFE = MODELS["rife"]
TOLERANCE = 1e-4
PUBLISHED = find_weights("rife")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden rule's weights."""
    path = tmp_path_factory.mktemp("weights") / "rife.safetensors"
    save_file({name: GOLDEN.rule(name, shape) for name, shape in shapes().items()}, path)
    return path


def at(t: float, count: int = 1) -> np.ndarray:
    return np.full((count, 1, 1, 1), t, np.float32)


@pytest.mark.parametrize("name", GOLDEN.CASES)
def test_it_makes_the_same_as_its_twin(name: str, weights: Path) -> None:
    case = GOLDEN.CASES[name]
    with np.load(Path(__file__).parent / "rife_golden.npz") as file:
        left, right = (picture[np.newaxis] / np.float32(255) for picture in file[f"{name}/input"])
        expected = file[f"{name}/made"] / np.float32(65535)
    shape = (1, case.height, case.width)
    network = OnnxNetwork(RIFE, shape, CPU_PROVIDER, weights=weights, scales=Scales(case.flow_scale))
    np.testing.assert_allclose(network(left, right, at(case.t)), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("flow_scale", [1.0, 0.5, 0.25])
def test_both_engines_make_the_same_pictures_of_any_size(flow_scale: float, weights: Path) -> None:
    scales, draw = Scales(flow_scale), np.random.default_rng(5)
    onnx = OnnxNetwork(RIFE, (1, 64, 64), CPU_PROVIDER, weights=weights, scales=scales)
    unit = RIFE.multiple(scales)
    with running_in("pynative"):
        mindspore = MindSporeNetwork(RIFE.build(scales, "fp32"), weights)
        for height, width, count in ((unit, unit, 1), (unit, 2 * unit, 2)):
            inputs = [draw.random((count, 3, height, width), np.float32) for _ in range(2)]
            inputs.append(np.linspace(0.2, 0.7, count, dtype=np.float32).reshape(-1, 1, 1, 1))
            np.testing.assert_allclose(onnx(*inputs), mindspore(*inputs), atol=TOLERANCE, rtol=0)


@pytest.mark.skipif(not REFERENCE.is_dir() or PUBLISHED is None, reason="needs the large reference and the weights")
def test_it_makes_the_same_as_the_published_network() -> None:
    network = OnnxNetwork(RIFE, (1, 128, 192), CPU_PROVIDER, weights=PUBLISHED)
    with np.load(REFERENCE / "rife_golden.npz") as file:
        left, right = (file[name].transpose(2, 0, 1)[np.newaxis] / np.float32(255) for name in ("left", "right"))
        for name, t in (("05", 0.5), ("025", 0.25)):
            np.testing.assert_allclose(network(left, right, at(t))[0], file[f"made_{name}"], atol=TOLERANCE, rtol=0)
