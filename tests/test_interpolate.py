"""Any size goes through a network of one shape, and comes back as if it had gone through in one piece."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import blend, blend_model

from ifrplus_cli.errors import ModelError
from ifrplus_cli.interpolate import Interpolator, load_model
from ifrplus_cli.tiling import plan_tiles

HALF = [Fraction(1, 2)]


class WatchedBlend:
    """A blend that remembers the shapes it has seen."""

    def __init__(self) -> None:
        self.shapes: list[tuple[tuple[int, ...], ...]] = []

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        assert all(array.dtype == np.float32 for array in arrays)
        self.shapes.append(tuple(array.shape for array in arrays))
        return blend(*arrays)


def pictures(height: int, width: int, count: int = 2) -> list[np.ndarray]:
    random = np.random.default_rng(height * width)
    return [random.random((height, width, 3), np.float32) * 1.4 - 0.2 for _ in range(count)]


def interpolator(
    height: int, width: int, network: object = blend, *, tile: tuple[int, int] | None = None, prior: bool = False
) -> Interpolator:
    model = blend_model(network)  # type: ignore[arg-type]
    model = replace(model, spec=replace(model.spec, uses_prior=prior))
    return Interpolator(model, plan_tiles(height, width, multiple=32, tile=tile, overlap=32))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (1, 1), (37, 101), (128, 128)])
@pytest.mark.parametrize("tile", [None, (96, 96)], ids=["whole", "tiled"])
def test_any_size_comes_back_as_it_would_untiled(height: int, width: int, tile: tuple[int, int] | None) -> None:
    left, right = pictures(height, width)
    made = interpolator(height, width, tile=tile)(left, right, [Fraction(1, 4)])
    assert len(made) == 1
    assert (made[0].shape, made[0].dtype) == ((height, width, 3), np.float32)
    np.testing.assert_allclose(made[0], 0.75 * left + 0.25 * right, atol=1e-5)


def test_each_timestep_gets_its_picture_in_order() -> None:
    left, right = pictures(32, 32)
    steps = [Fraction(1, 8), Fraction(1, 2), Fraction(9, 10)]
    made = interpolator(32, 32)(left, right, steps)
    for picture, t in zip(made, map(float, steps), strict=True):
        np.testing.assert_allclose(picture, (1 - t) * left + t * right, atol=1e-5)
    assert interpolator(32, 32)(left, right, []) == []


@pytest.mark.parametrize(("height", "width", "tile"), [(50, 70, None), (200, 300, (96, 96)), (97, 33, (64, 64))])
def test_the_network_sees_one_shape_for_the_whole_run(height: int, width: int, tile: tuple[int, int] | None) -> None:
    network = WatchedBlend()
    made = interpolator(height, width, network, tile=tile)
    for _ in range(2):
        made(*pictures(height, width), [Fraction(1, 3), Fraction(2, 3)])
    assert len(set(network.shapes)) == 1
    left, right, prior, t = network.shapes[0]
    batch, _, tile_height, tile_width = left
    assert left == right
    assert tile_height % 32 == tile_width % 32 == 0
    assert prior == (batch, 4, tile_height // 2, tile_width // 2)
    assert t == (batch, 1, 1, 1)


def test_tiles_of_a_picture_go_through_together() -> None:
    network = WatchedBlend()
    interpolator(160, 160, network, tile=(96, 96))(*pictures(160, 160), HALF)
    assert [shapes[0][0] for shapes in network.shapes] == [4]


def test_many_tiles_go_through_in_equal_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.interpolate.BATCH_PIXELS", 4 * 96 * 96)
    network = WatchedBlend()
    left, right = pictures(288, 160)
    made = interpolator(288, 160, network, tile=(96, 96))
    np.testing.assert_allclose(made(left, right, HALF)[0], (left + right) / 2, atol=1e-5)
    assert len({shapes[0] for shapes in network.shapes}) == 1
    assert len(network.shapes) > 1


def shifted(height: int, width: int, offset: int) -> np.ndarray:
    """A window on a smooth random picture, moved to the right."""
    random = np.random.default_rng(3).random((height // 4 + 2, width // 4 + 12, 3), np.float32)
    large = random.repeat(4, axis=0).repeat(4, axis=1)
    return np.ascontiguousarray(large[:height, offset : offset + width])


@pytest.mark.parametrize(("t", "backward", "forward"), [(Fraction(1, 2), 4, -4), (Fraction(1, 4), 2, -6)])
def test_the_prior_tells_where_to_look_in_both_frames(t: Fraction, backward: float, forward: float) -> None:
    seen: list[np.ndarray] = []

    def look(left: np.ndarray, right: np.ndarray, prior: np.ndarray, step: np.ndarray) -> np.ndarray:
        seen.append(prior)
        return blend(left, right, prior, step)

    left, right = shifted(128, 192, 0), shifted(128, 192, 8)  # the picture moves 8 pixels to the left
    interpolator(128, 192, look, prior=True)(left, right, [t])
    middle = np.median(seen[0][0][:, 16:48, 24:72], axis=(1, 2))
    assert middle[0] == pytest.approx(backward, abs=0.5)
    assert middle[2] == pytest.approx(forward, abs=0.5)
    assert np.abs(middle[[1, 3]]).max() < 0.5


def test_a_network_without_a_prior_gets_none() -> None:
    seen: list[np.ndarray] = []

    def look(left: np.ndarray, right: np.ndarray, prior: np.ndarray, t: np.ndarray) -> np.ndarray:
        seen.append(prior)
        return blend(left, right, prior, t)

    interpolator(32, 64, look)(*pictures(32, 64), HALF)
    assert not seen[0].any()


@pytest.mark.parametrize("weights", [None, Path("/nonexistent/w.safetensors")])
def test_missing_weights_are_named(weights: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifrplus_cli.interpolate.find_weights", lambda name: None)
    with pytest.raises(ModelError) as missing:
        load_model("lite", weights)
    assert (str(weights) if weights else "lite") in missing.value.message
    assert "--weights" in missing.value.hint
