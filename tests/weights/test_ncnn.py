"""Networks in ncnn's format are read correctly, and anything else is refused in a sentence."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from damage import spoilt
from ncnn_files import FOLDER, TINY, archive, golden, ncnn_files

from ifrplus_cli.errors import ModelError
from ifrplus_cli.models.ifrnet_family import LARGE, SMALL, Widths, layers, shapes
from ifrplus_cli.weights import install
from ifrplus_cli.weights.manifest import MANIFEST
from ifrplus_cli.weights.ncnn import read_ncnn

MALFORMED = 1_000  # for each of four seeds


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("widths", [SMALL, LARGE, TINY])
def test_written_networks_are_read(widths: Widths, half: bool) -> None:
    found = read_ncnn(*ncnn_files(widths, golden(widths), half=half), layers(widths))
    assert found.keys() == golden(widths).keys()
    for name, value in golden(widths).items():
        expected = value.astype(np.float16).astype(np.float32) if half and value.ndim == 4 else value
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == np.float32


PARAM, NUMBERS = ncnn_files(TINY, golden(TINY))


def changed(old: str, new: str) -> bytes:
    assert old in PARAM.decode()
    return PARAM.decode().replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("param", "numbers", "told"),
    [
        (b"", NUMBERS, "does not begin with 7767517"),
        (b"\xff" + PARAM, NUMBERS, "is not a text file"),
        (PARAM + b"Input in9 0 1 in9", NUMBERS, "but states other numbers"),
        (changed("0=2 1=3", "0=3 1=3"), NUMBERS, "is not the 2x3x3x3 Convolution that"),
        (changed("13=2", "13=1"), NUMBERS, r"is not the [\dx]+ Convolution that"),
        (changed("5=1 6=54", "5=1 6=54 9=1"), NUMBERS, r"is not the [\dx]+ Convolution that"),
        (changed("PReLU       ", "Sigmoid     "), NUMBERS, r"is not the [\dx]+ Convolution that"),
        (changed("PReLU       ", "ReLU        "), NUMBERS, "is a ReLU, but the network has a PReLU there"),
        (
            changed("Deconvolution", "Convolution  "),
            NUMBERS,
            "is a Convolution, but the network has a Deconvolution there",
        ),
        (PARAM, NUMBERS[:-1], "ends within"),
        (PARAM, b"", "ends before"),
        (PARAM, NUMBERS + b"\0", "1 bytes more than its layers need"),
        (PARAM, b"\x38\x4b\x0d\0" + NUMBERS[4:], "something other than float32 or float16"),
        (PARAM, NUMBERS[:4] + b"\0\0\xc0\x7f" + NUMBERS[8:], "not finite"),
        (PARAM, NUMBERS[:4] + b"\0\0\x80\x3f" + NUMBERS[8:], "other weights than the same layer"),
        (b" " * 2**21, NUMBERS, "too large"),
    ],
)
def test_what_is_not_this_network_is_refused(param: bytes, numbers: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_ncnn(param, numbers, layers(TINY))


def test_another_member_of_the_family_is_refused() -> None:
    with pytest.raises(ValueError, match=r"is not the [\dx]+ Convolution that"):
        read_ncnn(PARAM, NUMBERS, layers(SMALL))


def spoilt_text(draw: Random, content: bytes) -> bytes:
    """Words and lines of a .param exchanged, lost, doubled or changed."""
    lines = [line.split() for line in content.decode().split("\n")]
    for _ in range(draw.choice((1, 1, 2))):
        row = draw.randrange(len(lines))
        other = draw.randrange(len(lines))
        word = draw.randrange(max(1, len(lines[row])))
        match draw.randrange(5):
            case 0:
                lines[row], lines[other] = lines[other], lines[row]
            case 1:
                del lines[row]
            case 2:
                lines.insert(other, lines[row])
            case 3:
                lines[row][word : word + 1] = [draw.choice(("-1", "99999999999", "=", "0=2", "1e9", "nan", "Split"))]
            case _:
                del lines[row][word : word + 1]
        if not lines:
            break
    return "\n".join(" ".join(line) for line in lines).encode()


def as_read(param: bytes) -> list[str]:
    return [" ".join(line.split()) for line in param.decode("ascii", "replace").split("\n") if line.strip()]


@pytest.mark.parametrize("seed", range(4))
def test_malformed_archives_are_refused_in_a_sentence(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every one is refused, or still belongs to this network."""
    monkeypatch.setattr(install, "widths_of", lambda network: TINY)
    draw, whole = Random(seed), archive(FOLDER, PARAM, NUMBERS)

    def write(path: Path, content: bytes) -> None:
        path.unlink(missing_ok=True)  # some file systems flush what is written over to the disk
        path.write_bytes(content)

    zipped, param, numbers = (tmp_path / name for name in ("w.zip", "w.param", "w.bin"))
    refused = 0
    for number in range(MALFORMED + MALFORMED // 4):
        match number % 3:
            case 0:
                write(zipped, spoilt(draw, whole))
            case 1:
                write(param, spoilt_text(draw, PARAM))
                write(numbers, NUMBERS)
            case _:
                write(param, PARAM)
                write(numbers, spoilt(draw, NUMBERS))
        try:
            found = install._converted(MANIFEST["ifrnet-s"], param if number % 3 else zipped)
        except ModelError as error:
            assert "\n" not in error.message
            assert error.message.endswith(".")
            assert len(error.message) < 400
            assert error.hint
            refused += 1
        else:  # names and the order of independent lines are free; changed bytes can be other numbers
            assert {name: value.shape for name, value in found.items()} == shapes(TINY)
    assert refused >= MALFORMED


@pytest.mark.skipif(importlib.util.find_spec("ncnn") is None, reason="ncnn is not installed")
@pytest.mark.parametrize("half", [False, True])
def test_ncnn_reads_the_same_numbers(half: bool, tmp_path: Path) -> None:
    """Its own program on the same .bin: the encoder of both pictures, and the first layers after it."""
    import ncnn  # type: ignore[import-not-found]

    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    values = golden(SMALL)
    param, numbers = ncnn_files(SMALL, values, half=half)
    (tmp_path / "n.param").write_bytes(param)
    (tmp_path / "n.bin").write_bytes(numbers)
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    assert net.load_param(str(tmp_path / "n.param")) == 0
    assert net.load_model(str(tmp_path / "n.bin")) == 0
    found = read_ncnn(param, numbers, layers(SMALL))
    pictures = np.random.default_rng(3).random((2, 3, 32, 48), np.float32)
    extractor = net.create_extractor()
    for blob, picture in zip(("0", "1"), pictures, strict=True):
        extractor.input(blob, ncnn.Mat(picture))
    extractor.input("2", ncnn.Mat(np.full((1, 2, 3), 0.5, np.float32)))

    def run(layer: str, x: Any) -> Any:
        own = next(other for other in layers(SMALL) if other.name == layer)
        weight = torch.from_numpy(found[f"{layer}.weight"])
        if own.kind == "PReLU":
            return functional.prelu(x, weight)
        bias = torch.from_numpy(found[f"{layer}.bias"])
        convolve = functional.conv_transpose2d if own.kind == "Deconvolution" else functional.conv2d
        return convolve(x, weight, bias, stride=own.stride, padding=own.padding)

    names = [layer.name for layer in layers(SMALL)]
    coarsest = []
    for picture in pictures:
        x = torch.from_numpy(picture[None])
        for name in names[:16]:
            x = run(name, x)
        coarsest.append(x)
    x = torch.cat((*coarsest, torch.full_like(coarsest[0][:, :1], 0.5)), 1)
    decoder = [name for name in names if name.startswith("decoder4.")]
    # The test's graph leaves out what has no weights, so layers of the same width follow each other.
    for name in decoder[:4]:
        x = run(name, x)
    last = next(line for line in param.decode().split("\n") if line.startswith("Concat")).split()
    assert last[2] == "3"
    blob = str(int(last[7]) + 4)
    status, made = extractor.extract(blob)
    assert status == 0
    np.testing.assert_allclose(np.array(made), x[0].numpy(), atol=1e-4)
