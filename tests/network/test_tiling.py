"""Tiles cover any picture, fit the network, and merge to the picture that was split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.network.request import DEFAULT_OVERLAP
from ifrplus_cli.network.tiling import TilePlan, auto_tiles, plan_tiles


@st.composite
def plans(draw: st.DrawFn) -> tuple[TilePlan, int, tuple[int, int], int]:
    """A plan with the multiple, the (width, height) of the largest tile and the overlap that it was made from."""
    multiple = draw(st.sampled_from([2, 8, 16, 32]))
    overlap = draw(st.integers(0, 40))
    least = max(-(-overlap // multiple) * multiple * 2, multiple)
    sides = st.integers(least, least + 150)
    tile = (draw(sides), draw(sides))
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    return plan_tiles(height, width, multiple=multiple, tile=tile, overlap=overlap), multiple, tile, overlap


def random_picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).random((height, width, 3), np.float32)


@settings(max_examples=80, deadline=None)
@given(plans())
def test_merging_what_was_split_gives_the_picture_back(made: tuple[TilePlan, int, tuple[int, int], int]) -> None:
    plan, *_ = made
    picture = random_picture(plan.height, plan.width)
    merged = plan.merge(plan.split(picture))
    assert merged.shape == picture.shape
    assert merged.dtype == picture.dtype
    np.testing.assert_allclose(merged, picture, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(plans())
def test_tiles_are_equal_aligned_and_within_the_limit(made: tuple[TilePlan, int, tuple[int, int], int]) -> None:
    plan, multiple, (largest_width, largest_height), _ = made
    tile_height, tile_width = plan.tile_size
    assert tile_height <= max(largest_height, multiple) and tile_width <= max(largest_width, multiple)
    for length in (*plan.tile_size, *plan.padded_size, *(value for origin in plan.origins for value in origin)):
        assert length % multiple == 0
    for padded, size in zip(plan.padded_size, (plan.height, plan.width), strict=True):
        assert size <= padded < size + multiple
    tiles = plan.split(random_picture(plan.height, plan.width))
    assert tiles.shape == (plan.count, tile_height, tile_width, 3)


@settings(max_examples=200, deadline=None)
@given(plans())
def test_tiles_cover_the_picture_and_weights_sum_to_one(made: tuple[TilePlan, int, tuple[int, int], int]) -> None:
    plan, *_ = made
    for axis in (plan.rows, plan.columns):
        total = np.zeros(axis.padded)
        for origin, weights in zip(axis.origins, axis.weights, strict=True):
            assert (weights > 0).all()
            total[origin : origin + axis.length] += weights
        np.testing.assert_allclose(total, 1, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(plans())
def test_neighbours_overlap_enough_and_one_tile_fewer_would_not_do(
    made: tuple[TilePlan, int, tuple[int, int], int],
) -> None:
    plan, multiple, tile, overlap = made
    for axis, largest in ((plan.rows, tile[1]), (plan.columns, tile[0])):
        longest = largest // multiple * multiple
        aligned_overlap = -(-overlap // multiple) * multiple
        for left, right in zip(axis.origins, axis.origins[1:], strict=False):
            assert left + axis.length - right >= overlap
        fewer = len(axis.origins) - 1
        assert fewer * longest - max(fewer - 1, 0) * aligned_overlap < axis.padded


def test_padding_repeats_the_edge_to_the_right_and_below() -> None:
    plan = plan_tiles(3, 5, multiple=4, tile=None, overlap=0)
    picture = random_picture(3, 5)
    (padded,) = plan.split(picture)
    assert padded.shape == (4, 8, 3)
    np.testing.assert_array_equal(padded[:3, :5], picture)
    np.testing.assert_array_equal(padded[3], padded[2])
    np.testing.assert_array_equal(padded[:, 7], padded[:, 4])


def test_no_tile_and_small_frames_stay_whole() -> None:
    assert plan_tiles(720, 1280, multiple=32, tile=None, overlap=128).tile_size == (736, 1280)
    assert plan_tiles(270, 480, multiple=32, tile=(512, 512), overlap=128).tile_size == (288, 480)


def test_a_single_tile_that_fits_is_not_copied() -> None:
    plan = plan_tiles(64, 96, multiple=32, tile=None, overlap=128)
    picture = random_picture(64, 96)
    assert np.shares_memory(plan.split(picture), picture)


def test_full_hd_is_shared_evenly_by_two_tiles() -> None:
    plan = plan_tiles(1080, 1920, multiple=32, tile=(1920, 1024), overlap=DEFAULT_OVERLAP)
    assert plan.origins == ((0, 0), (480, 0))
    assert plan.tile_size == (608, 1920)


@pytest.mark.parametrize(
    ("height", "width", "first"),
    [
        (1024, 1920, None),
        (1920, 1024, None),
        (1080, 1920, None),
        (1920, 1080, None),
        (2160, 3840, (1920, 1024)),
        (3840, 2160, (1024, 1920)),
    ],
)
def test_frames_up_to_full_hd_are_best_run_whole(height: int, width: int, first: tuple[int, int] | None) -> None:
    tiles = list(auto_tiles(height, width))
    assert tiles[0] == first
    areas = [tile[0] * tile[1] for tile in tiles if tile]
    assert areas == sorted(areas, reverse=True)
    assert all((tile[0] > tile[1]) == (width > height) for tile in tiles if tile)


def test_half_resolution_maps_are_split_at_the_same_places() -> None:
    plan = plan_tiles(203, 301, multiple=16, tile=(128, 112), overlap=20)
    rows, columns = np.mgrid[0:102, 0:151]
    flow = np.stack([rows, columns, rows, columns]).astype(np.float32)
    tiles = plan.split(flow, channels_first=True, scale=2)
    tile_height, tile_width = plan.tile_size
    assert tiles.shape == (plan.count, 4, tile_height // 2, tile_width // 2)
    for (y, x), tile in zip(plan.origins, tiles, strict=True):
        assert tile[0, 0, 0] == y // 2
        assert tile[1, 0, 0] == x // 2


def test_an_array_larger_than_the_plan_is_refused() -> None:
    with pytest.raises(ValueError):
        plan_tiles(64, 64, multiple=32, tile=None, overlap=0).split(random_picture(65, 64))


@pytest.mark.parametrize(("tile", "overlap"), [((16, 16), 0), ((128, 512), 128), ((250, 250), 120)])
def test_tiles_too_small_for_network_or_overlap_are_refused_with_a_hint(tile: tuple[int, int], overlap: int) -> None:
    with pytest.raises(IfrplusError) as caught:
        plan_tiles(1000, 1000, multiple=32, tile=tile, overlap=overlap)
    assert "pixels" in caught.value.message
    assert caught.value.hint
