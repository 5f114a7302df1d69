"""The ONNX graph of the network: the same pictures as MindSpore's, the same weights, and errors in a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import PROGRAM, frame_times
from golden import running_in
from safetensors.numpy import load_file, save_file

from ifrplus_cli.errors import DeviceError, ModelError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.flow import intermediate_flow, pair_flow
from ifrplus_cli.frames.merge import alike, difference, merge
from ifrplus_cli.frames.metrics import psnr
from ifrplus_cli.models import MODELS
from ifrplus_cli.network import engine_onnx, onnx_cache
from ifrplus_cli.network.device import Device, choose_device, this_machine
from ifrplus_cli.network.engine import MINDSPORE, Engine, convolution
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER, OnnxNetwork, choose_gpu_provider
from ifrplus_cli.network.interpolator import Interpolator, load_model
from ifrplus_cli.network.plan import NetworkOptions, plan_network
from ifrplus_cli.values import HALF, Image
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.weights.manifest import find_file, find_weights

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

LITE, CPU, ON_CPU = MODELS["lite"], Device("CPU"), Engine("onnx", CPU_PROVIDER)
SHAPE = (1, 64, 96)
GRAPHS = ("lite-features.onnx", "lite.onnx", "lite-int8.onnx", "lite-whole.onnx")
FIRST, GAP = 60, 2  # of the real frames


@cache
def moving_pair(bikes: Path) -> tuple[Image, ...]:
    """Two frames of cyclists riding past, 640x272, in 0..1."""
    clip = probe(bikes)
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with decode(clip) as decoder:
        frames = [convert.to_rgb(frame.planes) for frame in islice(decoder, FIRST + GAP + 1)]
    return frames[FIRST], frames[FIRST + GAP]


def make(
    engine: Engine, pair: tuple[Image, ...], steps: list[Fraction], *, mode: str = "pynative", **options: object
) -> list[Image]:
    """Frames between a pair; ``mode`` is MindSpore's: graphs take seconds to compile for each shape."""
    choose_device("CPU")
    chosen = NetworkOptions(**{"precision": "fp32", **options})  # type: ignore[arg-type]
    plan = plan_network(LITE, engine, CPU, pair[0].shape[:2], steps, chosen)
    with running_in(mode):
        return Interpolator(load_model(plan))(*pair, steps)


@pytest.mark.parametrize(("size", "mode"), [((448, 256), "graph"), ((640, 272), "pynative"), ((1001, 333), "pynative")])
def test_both_engines_make_the_same_pictures(size: tuple[int, int], mode: str, bikes: Path) -> None:
    pair = tuple(cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in moving_pair(bikes))
    steps = [Fraction(1, 4), Fraction(1, 2)]
    for one, other in zip(make(MINDSPORE, pair, steps, mode=mode), make(ON_CPU, pair, steps), strict=True):
        assert np.abs(one - pair[0]).max() > 0.1  # there is motion
        assert_same(one, other)


def assert_same(one: Image, other: Image) -> None:
    """Frames are sampled at rounded positions: the few that lie between two steps may be rounded to either side."""
    apart = np.abs(one - other)
    assert np.mean(apart > 1e-3) < 2e-4
    assert apart.max() < 0.03


def test_both_engines_make_the_same_pictures_from_tiles(bikes: Path) -> None:
    steps = [Fraction(1, 2)]
    one, other = (make(e, moving_pair(bikes), steps, tile=(288, 272))[0] for e in (MINDSPORE, ON_CPU))
    assert_same(one, other)


@pytest.mark.parametrize("t", [0.5, 0.25])
def test_parts_merged_on_the_cpu_are_what_the_whole_graph_makes(bikes: Path, t: float) -> None:
    pair = [cv2.resize(image, (320, 128), interpolation=cv2.INTER_AREA) for image in moving_pair(bikes)]
    prior = pair_flow(*pair)
    inputs = [np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis]) for image in pair]
    inputs += [intermediate_flow(prior, t)[np.newaxis], np.full((1, 1, 1, 1), t, np.float32)]
    whole, parts = (OnnxNetwork(LITE, (1, 128, 320), CPU_PROVIDER, parts=parts) for parts in (False, True))
    apart = difference(*pair)
    shares = alike(apart, (128, 320))[np.newaxis, np.newaxis]
    found = parts(*map(parts.encode, inputs[:2]), shares, *inputs[2:])[0]
    assert_same(merge(*pair, found, t, apart), whole(*inputs)[0].transpose(1, 2, 0))


def test_frames_in_8_bits_are_nearly_those_in_single_precision(bikes: Path) -> None:
    if not this_machine().multiplies_int8():
        with pytest.raises(ModelError, match="overflow"):
            make(ON_CPU, moving_pair(bikes), [HALF], precision="int8")
        return
    pair = tuple(cv2.resize(image, (320, 136), interpolation=cv2.INTER_AREA) for image in moving_pair(bikes))
    one, other = (make(ON_CPU, pair, [HALF], precision=precision)[0] for precision in ("fp32", "int8"))
    assert 36 < psnr(one, other) < 99
    assert abs(float((one - other).mean())) < 1e-3


def random_inputs(seed: int = 0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    batch, height, width = SHAPE
    pictures = [draw.random((batch, 3, height, width), np.float32) for _ in range(2)]
    prior = draw.normal(0, 2, (batch, 4, height // 4, width // 4)).astype(np.float32)
    return [*pictures, prior, np.full((batch, 1, 1, 1), 0.5, np.float32)]


@pytest.mark.parametrize("name", GRAPHS)
def test_the_graph_is_of_the_bundled_weights(name: str) -> None:
    graph, weights = find_file(name), find_weights("lite")
    assert graph is not None and weights is not None
    model = onnx.load(graph, load_external_data=False)
    card = {entry.key: entry.value for entry in model.metadata_props}
    assert card["weights_sha256"] == sha256_of(weights)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] >= 17
    onnx.checker.check_model(str(graph), full_check=True)


def test_they_read_the_bundled_weights_by_themselves() -> None:
    """Other programs open the files without ours."""
    import onnxruntime

    def run(name: str, **inputs: np.ndarray) -> np.ndarray:
        session = onnxruntime.InferenceSession(str(find_file(name)), providers=[CPU_PROVIDER])
        made: np.ndarray = session.run(None, inputs)[0]
        return made

    left, right, prior, t = random_inputs()
    whole, parts = (OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, parts=parts) for parts in (False, True))
    made = run("lite-whole.onnx", left=left, right=right, prior=prior, t=t)
    np.testing.assert_allclose(whole(left, right, prior, t), made, atol=1e-5)
    features = [run("lite-features.onnx", frame=frame) for frame in (left, right)]
    np.testing.assert_allclose([parts.encode(left), parts.encode(right)], features, atol=1e-5)
    alike = np.random.default_rng(1).random((1, 1, SHAPE[1] // 2, SHAPE[2] // 2), np.float32)
    seen = {"left_features": features[0], "right_features": features[1], "alike": alike, "prior": prior, "t": t}
    np.testing.assert_allclose(parts(*seen.values()), run("lite.onnx", **seen), atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_pictures_made_at_the_same_time_do_not_mix(threads: int) -> None:
    network = OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, threads=threads)
    pairs = [random_inputs(seed) for seed in range(6)]
    alone = [network(*inputs) for inputs in pairs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda inputs: network(*inputs), pairs))
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_other_weights_are_used(tmp_path: Path) -> None:
    own = load_file(str(find_weights("lite")))
    other = tmp_path / "other.safetensors"
    save_file({name: value * np.float16(0.5) for name, value in own.items()}, other)
    inputs = random_inputs()
    for parts in (False, True):
        networks = [OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, weights=weights, parts=parts) for weights in (None, other)]
        made = [network.encode(inputs[0]) if parts else network(*inputs) for network in networks]
        assert np.isfinite(made[1]).all()
        assert np.abs(made[0] - made[1]).max() > 0.01


def test_a_copy_of_the_weights_makes_the_same_pictures_and_a_changed_file_beside_the_graph_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the file for which a graph was made is read by the graph itself."""
    weights, inputs = Path(str(find_weights("lite"))), random_inputs()
    copy = tmp_path / "copy.safetensors"
    shutil.copy(weights, copy)
    bundled, copied = (OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, weights=each) for each in (weights, copy))
    np.testing.assert_array_equal(bundled(*inputs), copied(*inputs))
    values = {name: value * np.float16(0.5) for name, value in load_file(str(weights)).items()}
    changed, elsewhere = tmp_path / "graph" / weights.name, tmp_path / weights.name
    changed.parent.mkdir()
    save_file(values, changed)
    save_file(values, elsewhere)
    for name in GRAPHS:
        shutil.copy(str(find_file(name)), changed.with_name(name))
    monkeypatch.setattr(onnx_cache, "find_file", changed.with_name)
    one, other = (OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, weights=each) for each in (changed, elsewhere))
    np.testing.assert_array_equal(one(*inputs), other(*inputs))
    assert np.abs(one(*inputs) - bundled(*inputs)).max() > 0.01


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    own = load_file(str(find_weights("lite")))
    name = next(iter(own))
    faulty = {"missing": {key: value for key, value in own.items() if key != name}}
    faulty["too large"] = {**own, name: np.full(own[name].shape, 1e6, np.float32)}
    for what, values in faulty.items():
        path = tmp_path / f"{what}.safetensors"
        save_file(values, path)
        with pytest.raises(ModelError, match=what) as refused:
            OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, weights=path)
        assert refused.value.hint


def test_a_broken_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "lite.onnx"
    broken.write_bytes(Path(str(find_file("lite-whole.onnx"))).read_bytes()[:5000])
    monkeypatch.setattr(onnx_cache, "find_file", lambda name: broken)
    with pytest.raises(ModelError, match="can't be used"):
        OnnxNetwork(LITE, SHAPE, CPU_PROVIDER)
    monkeypatch.setattr(onnx_cache, "find_file", lambda name: None)
    for name, parts in (("lite-whole", False), ("lite", True)):
        with pytest.raises(ModelError, match=rf"{name}\.onnx"):
            OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, parts=parts)
    monkeypatch.setattr(onnx_cache, "find_file", lambda name: None if "features" in name else find_file(name))
    with pytest.raises(ModelError, match=r"lite-features\.onnx"):
        OnnxNetwork(LITE, SHAPE, CPU_PROVIDER, parts=True)


def test_pictures_that_do_not_fit_are_an_error_in_a_sentence() -> None:
    left, *others = random_inputs()
    with pytest.raises(ModelError, match="The network failed"):
        OnnxNetwork(LITE, SHAPE, CPU_PROVIDER)(left[:, :, :32], *others)


def test_a_gpu_provider_that_is_not_usable_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_onnx, "gpu_providers", lambda: ("CUDAExecutionProvider",))
    with pytest.raises(DeviceError, match="CUDAExecutionProvider") as refused:
        choose_gpu_provider(0)
    assert refused.value.hint


def test_convolutions_of_both_engines_agree() -> None:
    draw = np.random.default_rng(0)
    weight, picture = draw.standard_normal((4, 4, 3, 3), np.float32), draw.standard_normal((1, 4, 8, 9), np.float32)
    choose_device("CPU")
    one, other = (convolution(engine, CPU, weight)(picture) for engine in (MINDSPORE, ON_CPU))
    assert one.shape == picture.shape
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_film_is_made_without_mindspore(bikes: Path, tmp_path: Path) -> None:
    """MindSpore takes seconds to import."""
    short, made = tmp_path / "short.mkv", tmp_path / "made.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-i", bikes, "-frames:v", "4", "-c", "copy", short], check=True)
    script = (
        "import sys; from ifrplus_cli.commands import main; sys.argv[0] = 'ifrplus'\n"
        "try: main.main()\n"
        "finally: print('mindspore' in sys.modules)"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    options = ("upsample", short, made, "--engine", "onnx", "--device", "cpu", "-v")
    done = subprocess.run(
        [sys.executable, "-c", script, *options], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False\n"
    assert not list(tmp_path.glob(".*"))  # such as the file by which ONNX Runtime recognises a person
    assert "ONNX Runtime with CPUExecutionProvider: it was requested" in " ".join(done.stderr.split())
    assert len(frame_times(made)) == 2 * len(frame_times(short))


def test_an_unknown_engine_is_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run([*PROGRAM, "info", tmp_path, "--engine", "tensorflow"], capture_output=True, check=False)
    assert done.returncode == 2
