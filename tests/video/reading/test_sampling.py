"""Sampling finds the stretches where a clip changes most, whatever has to be decoded for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from clips import ffmpeg, frame_hash, frame_hashes, make_clip

from ifrplus_cli.source import FrameReader
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading import sampling
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.sampling import busiest, sample, stretches_of

MOVED = (range(10, 40), range(70, 100))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> ClipInfo:
    """120 frames at 25 per second that stand still except for ``MOVED``; every twelfth one is a key frame."""
    path = tmp_path_factory.mktemp("sampling") / "mixed.mkv"
    moving = "+".join(f"between(n,{part.start},{part.stop - 1})" for part in MOVED)
    still = "testsrc=s=64x48:r=25:d=0.04,loop=119:1,setpts=N/25/TB"
    ffmpeg("-f", "lavfi", "-i", f"{still},scroll=horizontal=0.04:enable='{moving}'", "-c:v", "libx264", "-g", 12, path)
    return probe(path)


def moved(stretches: list[range]) -> float:
    """The share of stretches in which there is motion, a frame on either side of it included."""
    numbers = [number for stretch in stretches for number in stretch]
    return sum(any(part.start - 1 <= n <= part.stop for part in MOVED) for n in numbers) / len(numbers)


def test_a_short_clip_is_sampled_completely(mixed: ClipInfo) -> None:
    assert sample(mixed, 5.0) == [range(120)]


@pytest.mark.parametrize("long", [False, True])
def test_a_sample_is_spread_and_lies_where_the_clip_changes(
    mixed: ClipInfo, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    """Only some places of a long clip are examined."""
    monkeypatch.setattr(sampling, "STRETCHES", 2)
    if long:
        monkeypatch.setattr(sampling, "LOOKED_WHOLE", 1.0)
    stretches = sample(mixed, 2.0)
    assert [len(stretch) % 2 for stretch in stretches] == [1, 1]
    assert sum(map(len, stretches)) == pytest.approx(50, abs=4)
    assert stretches[0].stop <= 60 <= stretches[1].start
    assert moved(stretches) > (0.5 if long else 0.9)


def test_a_part_that_is_not_sampled_completely_is_not_decoded_completely(
    mixed: ClipInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "STRETCHES", 2)
    monkeypatch.setattr(sampling, "LOOKED_WHOLE", 1.0)
    asked: list[range] = []

    def watch(clip: ClipInfo, stretches: list[range], **options: bool) -> object:
        asked.extend(stretches)
        return stretches_of(clip, stretches, **options)

    monkeypatch.setattr(sampling, "stretches_of", watch)
    sample(mixed, 0.5)
    assert len(asked) == 2 * sampling.LOOKS
    assert sum(map(len, asked)) < 60


def test_the_busiest_stretch_is_found_in_a_part(mixed: ClipInfo) -> None:
    assert moved([busiest(mixed, range(120), 1.0)]) == 1
    found = busiest(mixed, range(50, 120), 1.0)
    assert len(found) == 25
    assert (found.start >= 69, found.stop <= 101) == (True, True)
    assert busiest(mixed, range(3, 10), 1.0) == range(3, 10)


def test_stretches_never_overlap_however_short_the_clip(tmp_path: Path) -> None:
    clip = probe(make_clip(tmp_path / "few.mkv", frames=9, rate="1/10"))
    stretches = sample(clip, 20.0)
    assert all(before.stop <= after.start for before, after in pairwise(stretches))
    assert all(len(stretch) >= 3 and stretch.stop <= 9 for stretch in stretches)


@pytest.mark.parametrize("from_start", [False, True])
def test_stretches_have_the_frames_of_their_numbers(mixed: ClipInfo, from_start: bool) -> None:
    """AVI states no frame times, and is decoded from its start: so it is taken for one here."""
    clip = replace(mixed, decode_times_only=from_start)
    wanted = [range(3, 6), range(6, 8), range(110, 120)]
    found = [list(stretch) for stretch in stretches_of(clip, wanted)]
    assert [[number for number, _ in stretch] for stretch in found] == [list(numbers) for numbers in wanted]
    hashes = frame_hashes(mixed.path, mixed.pixel_format.name)
    assert all(frame_hash(frame.planes) == hashes[number] for stretch in found for number, frame in stretch)


def test_a_film_that_is_decoded_from_its_start_is_decoded_once_to_choose(
    mixed: ClipInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[ClipInfo] = []

    def watched(clip: ClipInfo, *, upright: bool = False) -> FrameReader:
        started.append(clip)
        return decode(clip, upright=upright)

    monkeypatch.setattr(sampling, "decode", watched)
    sample(replace(mixed, decode_times_only=True), 2.0)
    assert len(started) == 1
