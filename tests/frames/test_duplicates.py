"""Runs of repeated frames are found in spite of noise, nothing else is taken for one, and they are smoothed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import BEEP, ffmpeg, frame_hashes, frame_times, make_clip, run_blend_here, streams
from upsampling import upsample

from ifrplus_cli.frames.duplicates import LONGEST_RUN, settled_frame, without_repeats
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.reports.facts import repeats_advice
from ifrplus_cli.values import Frame
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe

GRAY = PIXEL_FORMATS["gray"]


def film(pictures: list[np.ndarray]) -> Iterator[Frame]:
    return (Frame(Fraction(n), (picture,)) for n, picture in enumerate(pictures))


def scene(count: int, seed: int = 0) -> list[np.ndarray]:
    """Pictures of 96 x 160 with texture that moves by three pixels each."""
    texture = np.random.default_rng(seed).integers(30, 220, (12, 60), np.uint8)
    wide = cv2.resize(texture, (800, 96), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, 3 * n : 3 * n + 160]) for n in range(count)]


def repeats(pictures: list[np.ndarray]) -> list[int]:
    """How often each frame that is left is repeated."""
    return [len(frame.repeats) for frame in without_repeats(film(pictures), GRAY)]


@pytest.mark.parametrize("length", [2, 3, 6])
def test_runs_are_found_under_noise(length: int) -> None:
    noise = np.random.default_rng(1)
    shown = [picture for picture in scene(6) for _ in range(length)]
    shown = [np.clip(picture + noise.normal(0, 3, picture.shape), 0, 255).astype(np.uint8) for picture in shown]
    assert repeats(shown) == [length - 1] * 5 + [0] * length  # the last run may go on


def test_a_run_of_irregular_lengths_keeps_every_time() -> None:
    a, b, c, d = scene(4)
    found = list(without_repeats(film([a, b, b, c, c, c, d]), GRAY))
    assert [(int(frame.pts), [int(pts) for pts in frame.repeats]) for frame in found] == [
        (0, []),
        (1, [2]),
        (3, [4, 5]),
        (6, []),
    ]


def test_a_long_rest_is_not_a_repeat() -> None:
    a, b, c = scene(3)
    assert repeats([a] * 7 + [b, b, c]) == [0] * 7 + [1, 0]
    assert repeats([a] * 30 + [b, b, c]) == [0] * 30 + [1, 0]


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0, 5.0])
def test_a_slow_fade_is_not_a_repeat(step: float) -> None:
    picture = scene(1)[0].astype(float)
    assert not any(repeats([np.rint(np.clip(picture - step * n, 0, 255)).astype(np.uint8) for n in range(40)]))


@pytest.mark.parametrize("size", [3, 6, 12])
def test_a_small_moving_part_is_not_a_repeat(size: int) -> None:
    shown = []
    for n in range(30):
        picture = scene(1)[0].copy()
        picture[40 : 40 + size, 10 + 2 * n : 10 + 2 * n + size] = 255
        shown.append(picture)
    assert not any(repeats(shown))


@pytest.mark.parametrize("crf", [18, 28])
def test_real_footage_on_twos_is_found_after_compression(crf: int, bikes: Path, tmp_path: Path) -> None:
    ones = ("-vf", "trim=end_frame=30,crop=320:240", "-c:v", "libx264", "-crf", crf)
    ffmpeg("-i", bikes, *ones, tmp_path / "ones.mp4")
    twos = ("-vf", "trim=end_frame=30,crop=320:240,fps=50,setpts=N/25/TB", "-r", 25, "-c:v", "libx264", "-crf", crf)
    ffmpeg("-i", bikes, *twos, tmp_path / "twos.mp4")
    for name, least, most in (("ones.mp4", 0, 0), ("twos.mp4", 26, 30)):
        clip = probe(tmp_path / name)
        with decode(clip) as decoder:
            assert least <= sum(len(frame.repeats) for frame in without_repeats(decoder, clip.pixel_format)) <= most
    assert repeats_advice(probe(tmp_path / "ones.mp4")) is None
    assert "--duplicates smooth" in (repeats_advice(probe(tmp_path / "twos.mp4")) or "")


def test_frames_are_made_across_runs_at_the_right_times(tmp_path: Path) -> None:
    """Frames 0 0 0 1 2: with a blend in place of the network the shares of both frames tell the place."""
    source = make_clip(
        tmp_path / "source.mkv",
        frames=5,
        pix_fmt="gray",
        inputs=BEEP,
        output=("-vf", r"format=gray,geq=lum='60*max(N-2\,0)+X'", "-t", "0.2", "-c:a", "flac"),
    )
    summary = upsample(source, tmp_path / "film.mkv", smooth_duplicates=True)
    clip = probe(tmp_path / "film.mkv")
    with decode(clip) as decoder:
        shown = [frame.planes[0][:, 0].mean() for frame in decoder]
    assert np.allclose(shown, [0, 10, 20, 30, 40, 50, 60, 90, 120, 120], atol=2)
    assert (summary.frames_in, summary.frames_out, summary.pairs["motion"]) == (5, 10, 2)
    assert "2 repeated frames of the source were replaced by made frames." in summary.notes
    assert frame_times(tmp_path / "film.mkv") == [n * Fraction(1, 50) for n in range(10)]
    assert [stream["codec_type"] for stream in streams(tmp_path / "film.mkv")] == ["video", "audio"]


def test_repeats_are_kept_by_default(tmp_path: Path) -> None:
    make_clip(tmp_path / "twos.mkv", frames=8, size="160x96", filters="fps=25,setpts=floor(N/2)*2/25/TB,fps=25")
    for name, *options in (("kept.mkv",), ("smooth.mkv", "--duplicates", "smooth")):
        command = ("upsample", "twos.mkv", name, "--codec", "ffv1", *options)
        done = run_blend_here(*command, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    kept, smooth = (frame_hashes(tmp_path / name, "yuv420p") for name in ("kept.mkv", "smooth.mkv"))
    assert len(kept) == len(smooth) == 16
    assert kept[0] == kept[1]
    assert smooth[0] == kept[0]
    assert len(set(smooth)) > len(set(kept))


@pytest.mark.parametrize("seed", range(12))
def test_repeats_from_a_settled_frame_on_are_those_of_the_whole_film(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shown = [picture for picture in scene(24, seed) for _ in range(int(draw.choice([1, 1, 2, 3, 8])))]
    begun = int(draw.integers(0, 10))
    settled = settled_frame(film(shown[begun:]), GRAY)
    assert settled is not None and settled >= LONGEST_RUN
    place = begun + settled
    whole = [(frame.pts, frame.repeats) for frame in without_repeats(film(shown), GRAY)]
    part = [(frame.pts, frame.repeats) for frame in without_repeats(list(film(shown))[place:], GRAY)]
    assert whole[-len(part) :] == part
    assert part[0][0] == place


def test_a_still_film_has_no_settled_frame() -> None:
    assert settled_frame(film(scene(1) * 20), GRAY) is None
    assert settled_frame(film(scene(LONGEST_RUN)), GRAY) is None
