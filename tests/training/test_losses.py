"""Each loss against an independent computation, and the gradient that MindSpore finds against differences."""

from __future__ import annotations

from typing import Any

import mindspore as ms
import numpy as np
import numpy.typing as npt
import pytest
from golden import running_in

from ifrplus_cli.models.cubic import warp_cubic
from ifrplus_cli.models.ops import enlarge, warp
from ifrplus_cli.training import losses

Array = npt.NDArray[np.float32]
SHAPE = (2, 3, 32, 48)


@pytest.fixture(autouse=True)
def at_once() -> Any:
    """Nothing is compiled: every loss is looked at once."""
    with running_in("pynative"):
        yield


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def pair() -> tuple[Array, Array]:
    return noise(*SHAPE, seed=1), noise(*SHAPE, seed=2)


def value(loss: Any, *arrays: Any) -> float:
    return float(loss(*(ms.Tensor(array) if isinstance(array, np.ndarray) else array for array in arrays)).asnumpy())


def test_charbonnier_counts_the_hardest_fifth_of_each_picture() -> None:
    made, true = pair()
    error = np.sqrt((made - true) ** 2 + 1e-6).mean(1).reshape(2, -1)
    hardest = np.sort(error, axis=1)[:, -int(0.2 * error.shape[1]) :]
    assert value(losses.charbonnier, made, true) == pytest.approx(hardest.mean(), rel=1e-5)


def test_focal_frequency_is_that_of_its_paper() -> None:
    made, true = pair()
    distance = np.abs(np.fft.fft2(made - true, norm="ortho")) ** 2
    weight = np.sqrt(distance)
    weight /= weight.max((2, 3), keepdims=True)
    assert value(losses.focal_frequency, made, true) == pytest.approx((weight * distance).mean(), rel=1e-4)


def test_logarithm_is_psnr_of_each_picture() -> None:
    made, true = pair()
    psnr = -10 * np.log10(((made - true) ** 2).mean((1, 2, 3)))
    assert value(losses.logarithm, made, true) == pytest.approx((-psnr * np.log(10) / 10).mean(), abs=1e-3)


def test_laplacian_sees_every_scale() -> None:
    true = noise(*SHAPE)
    assert value(losses.laplacian, true, true) == 0
    constant = value(losses.laplacian, true + np.float32(0.1), true)
    assert constant == pytest.approx(0.1, rel=1e-4)  # flat, so that only the coarsest level tells of it


def test_distillation_trusts_a_near_teacher_more_than_a_far_one() -> None:
    teacher = noise(1, 4, 8, 12)
    for distance in (0.5, 8.0):
        flow = teacher + np.float32([distance, 0, distance, 0]).reshape(1, 4, 1, 1)
        small = flow.reshape(1, 4, 4, 2, 6, 2).mean((3, 5))
        told = value(losses.distillation, (ms.Tensor(flow), ms.Tensor(small)), teacher)
        assert told == pytest.approx(distance * np.exp(-0.3 * distance) * 1.9, rel=0.05)


def test_a_flow_that_explains_nothing_does_not_teach() -> None:
    still = np.zeros((1, 4, 8, 12), np.float32)
    flow = (ms.Tensor(still + 1),)
    picture = noise(1, 3, 32, 48)
    explains = value(losses.explained_flow, flow, still, picture, picture, picture)
    misleads = value(losses.explained_flow, flow, still, picture, 1 - picture * 0, picture * 0)
    assert explains == pytest.approx(1, rel=1e-4)
    assert misleads < 1e-3


def test_perceptual_is_zero_for_equal_pictures_and_has_the_published_names() -> None:
    judge = losses.Perceptual()
    names = dict(judge.parameters_and_names())
    assert len(names) == 2 * 13 + 5
    assert tuple(names["features.28.weight"].shape) == (512, 512, 3, 3)
    assert tuple(names["lin4.model.1.weight"].shape) == (1, 512, 1, 1)
    assert not any(parameter.requires_grad for parameter in names.values())
    made, true = pair()
    assert value(judge, made, made) == 0
    assert value(judge, made, true) != 0


def test_energy_is_that_of_three_bands_in_windows_of_nine() -> None:
    made, true = pair()

    def local(band: Array) -> Array:
        padded = np.pad(np.square(band), ((0, 0), (0, 0), (4, 4), (4, 4)))
        counted = np.pad(np.ones_like(band), ((0, 0), (0, 0), (4, 4), (4, 4)))
        height, width = band.shape[2:]
        windows = [
            (padded[:, :, y : y + 9, x : x + 9].sum((2, 3)), counted[:, :, y : y + 9, x : x + 9].sum((2, 3)))
            for y in starts(height)
            for x in starts(width)
        ]
        return np.sqrt(np.stack([total / count for total, count in windows]) + 1e-6)

    def starts(length: int) -> range:
        """Windows lie as SAME lays them: half of what is missing before the first."""
        missing = max(0, (-(-length // 2) - 1) * 2 + 9 - length)
        return range(4 - missing // 2, 4 - missing // 2 + length, 2)

    expected, sides = 0.0, [made, true]
    for _ in range(3):
        small = [image.reshape(*image.shape[:2], image.shape[2] // 2, 2, -1, 2).mean((3, 5)) for image in sides]
        bands = [image - enlarge(ms.Tensor(less)).asnumpy() for image, less in zip(sides, small, strict=True)]
        expected += np.abs(local(bands[0]) - local(bands[1])).mean()
        sides = small
    assert value(losses.energy, made, true) == pytest.approx(expected, rel=1e-3)


def test_energy_tells_blur_where_pixels_hardly_do() -> None:
    _, true = pair()
    around = np.pad(true, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    blurred = np.mean([around[:, :, y : y + SHAPE[2], x : x + SHAPE[3]] for y in range(3) for x in range(3)], axis=0)
    moved = np.roll(true, 1, axis=3)
    assert value(losses.energy, blurred.astype(np.float32), true) > 5 * value(losses.energy, moved, true)


@pytest.mark.parametrize("operator", [warp, warp_cubic])
def test_gradients_of_operators_are_those_of_differences(operator: Any) -> None:
    one, other = noise(1, 2, 6, 8, seed=3), noise(1, 2, 6, 8, seed=4)
    weight = ms.Tensor(noise(1, 2, 6, 8, seed=5))

    def total(a: ms.Tensor, b: ms.Tensor) -> ms.Tensor:
        return (operator(a, b) * weight).sum()

    for _ in range(2):  # one operator's gradient once came back the first time only
        found = [gradient.asnumpy() for gradient in ms.grad(total, (0, 1))(ms.Tensor(one), ms.Tensor(other))]
    draw = np.random.default_rng(6)
    for number, gradient in enumerate(found):
        for _ in range(6):
            place = tuple(int(draw.integers(side)) for side in one.shape)
            ends = []
            for sign in (-1, 1):
                arrays = [one.copy(), other.copy()]
                arrays[number][place] += sign * 3e-4
                ends.append(value(total, *arrays))
            assert gradient[place] == pytest.approx((ends[1] - ends[0]) / 6e-4, abs=0.04)
