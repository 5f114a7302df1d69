"""A loop is closed: its last made frames lead back to the first one, and the seam is a pair like any other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
from blends import blend
from clips import (
    BEEP,
    animation_of,
    end_time,
    ffmpeg,
    frame_hashes,
    frame_times,
    make_animation,
    make_clip,
    make_images,
    probe_once,
    run_here,
)
from made_up import STEP, clip_of, frame_of
from upsampling import upsample

from ifrplus_cli.errors import ModelError
from ifrplus_cli.frames.timeline import ConstantTimeline, FactorTimeline, Timeline
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.films import work_of
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.journal import folder_of
from ifrplus_cli.pipeline.loop import lead_in, read_tail, returning
from ifrplus_cli.pipeline.pairs import pairs_of
from ifrplus_cli.pipeline.slots import Slot, slots_of
from ifrplus_cli.values import Frame, PairKind, Tick
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

LOOP = UpsampleOptions(loop=True, cut_threshold=None)
SMOOTH = replace(LOOP, smooth_duplicates=True)
FFV1 = EncodeOptions("ffv1")
HALF = Fraction(1, 2)


def film(*codes: int) -> list[Frame]:
    return [frame_of(number, code) for number, code in enumerate(codes)]


def code(frame: Frame) -> int:
    return int(frame.planes[0][0, 0])


def slots(frames: list[Frame], options: UpsampleOptions = LOOP, timeline: Timeline | None = None) -> list[Slot]:
    clip = clip_of(len(frames))
    first = lead_in(frames[-7 if options.smooth_duplicates else -1 :], frames[0], clip, options)
    pairs = pairs_of(iter(frames), clip, options)
    return list(slots_of(frames[0], pairs, timeline or FactorTimeline(Fraction(2)), STEP, first))


def sides(slot: Slot) -> list[tuple[int, int] | None]:
    """The codes of the pairs before, in and after a slot."""
    return [pair and (code(pair.left), code(pair.right)) for pair in (slot.before, slot.pair, slot.after)]


def test_the_first_frame_comes_again_when_the_last_one_ends() -> None:
    frames = film(10, 40, 90)
    again = list(returning(frames, 3 * STEP))
    assert again[:3] == frames
    assert (again[3].pts, again[3].planes) == (5 * STEP, frames[0].planes)


def test_the_seam_has_neighbours_on_both_sides_as_every_pair_has() -> None:
    found = slots(film(10, 40, 90, 160))
    assert [sides(slot) for slot in found] == [
        [(160, 10), (10, 40), (40, 90)],
        [(10, 40), (40, 90), (90, 160)],
        [(40, 90), (90, 160), (160, 10)],
        [(90, 160), (160, 10), (10, 40)],
    ]
    assert all(slot.before and slot.before.length == STEP for slot in found)
    assert [(tick.pts / STEP, tick.t) for slot in found for tick in slot.ticks] == [
        (Fraction(n, 2), Fraction(n % 2, 2)) for n in range(8)
    ]
    assert [len(slot.made) for slot in found] == [1, 1, 1, 1]


def test_a_constant_rate_goes_on_over_the_seam() -> None:
    rate = Fraction(60)
    ticks = [t for slot in slots(film(10, 40, 90), timeline=ConstantTimeline(rate, Fraction(0))) for t in slot.ticks]
    assert {after.pts - before.pts for before, after in pairwise(ticks)} == {1 / rate}
    assert ticks[-1] == Tick(7 / rate, (7 / rate - 2 * STEP) / STEP)


def test_a_run_of_repeats_at_the_end_is_smoothed_over_the_seam() -> None:
    found = slots(film(10, 10, 60, 60, 120, 120), SMOOTH)
    assert [sides(slot)[1] for slot in found] == [(10, 60), (60, 120), (120, 10)]
    assert [(tick.pts / STEP, tick.t) for tick in found[-1].ticks] == [(4 + n * HALF, Fraction(n, 4)) for n in range(4)]
    assert sides(found[0])[0] == (120, 10)
    assert found[0].before
    assert found[0].before.length == 2 * STEP


@pytest.mark.parametrize("options", [LOOP, SMOOTH])
def test_a_single_frame_is_held(options: UpsampleOptions) -> None:
    (slot,) = slots(film(10), options)
    assert slot.pair
    assert (slot.pair.kind, len(slot.wanted), slot.made) == (PairKind.DUPLICATE, 2, ())


def test_a_list_of_cuts_says_nothing_about_the_seam() -> None:
    cut, none = (frozenset({2}), frozenset[int]())
    textures = np.random.default_rng(3).integers(0, 255, (2, 48, 64), np.uint8)
    frames = [Frame(n * STEP, (textures[n // 2],)) for n in range(4)]

    def kinds(options: UpsampleOptions) -> list[PairKind]:
        pairs = list(pairs_of(iter(frames), clip_of(4), options))
        assert [pair.seam for pair in pairs] == [False, False, False, True, False]
        return [pair.kind for pair in pairs[:4]]

    same = PairKind.DUPLICATE
    assert kinds(UpsampleOptions(loop=True)) == [same, PairKind.CUT, same, PairKind.CUT]
    assert kinds(UpsampleOptions(loop=True, cuts=cut)) == [same, PairKind.CUT, same, PairKind.CUT]
    assert kinds(UpsampleOptions(loop=True, cuts=none)) == [same, PairKind.MOTION, same, PairKind.CUT]
    assert kinds(LOOP) == [same, PairKind.MOTION, same, PairKind.MOTION]


def test_the_tail_is_what_the_film_ends_with(clip: Path, tmp_path: Path) -> None:
    job = plan_job(probe_once(clip), tmp_path / "film.mkv", SMOOTH)
    with decode(job.clip) as reader:
        frames = list(reader)
    tail = read_tail(job)
    assert [frame.pts for frame in tail] == [frame.pts for frame in frames]  # six frames: fewer than a run may have
    (last,) = read_tail(replace(job, options=LOOP))
    assert last.pts == frames[-1].pts
    assert all(np.array_equal(a, b) for a, b in zip(last.planes, frames[-1].planes, strict=True))
    assert read_tail(replace(job, options=UpsampleOptions())) == ()


def test_a_film_that_ends_in_damage_has_no_tail(tmp_path: Path) -> None:
    job = plan_job(probe(make_images(tmp_path / "images"), Fraction(25)), tmp_path / "film.mkv", LOOP)
    (tmp_path / "images" / "4.png").write_bytes(b"no picture")
    assert read_tail(job) == ()


def test_the_network_is_chosen_for_the_timesteps_of_the_seam_too(tmp_path: Path) -> None:
    varying = probe_once(make_clip(tmp_path / "source.mp4", frames=2, codec="libx264"))
    steps = {
        loop: work_of(plan_job(varying, tmp_path / "film.mkv", UpsampleOptions(Fraction(5, 2), loop=loop))).timesteps
        for loop in (False, True)
    }
    assert steps[False] == (Fraction(2, 5), Fraction(4, 5))
    assert steps[True] == (Fraction(2, 5), Fraction(4, 5), Fraction(1, 5), Fraction(3, 5))


@pytest.mark.parametrize("name", ["loop.gif", "loop.apng", "loop.webp"])
def test_an_animation_becomes_twice_as_many_frames_of_the_same_length(name: str, tmp_path: Path) -> None:
    source = make_animation(tmp_path / f"source{Path(name).suffix}", frames=5)
    summary = upsample(source, tmp_path / name, encode=EncodeOptions(), loop=True)
    assert (summary.frames_in, summary.frames_out, summary.frames_made) == (5, 10, 5)
    delays, pictures, plays = animation_of(tmp_path / name)
    assert (delays, plays) == ([50] * 10, 0)
    middle = (pictures[8] + pictures[0]) / 2
    assert np.abs(pictures[9] - middle).mean() < min(np.abs(pictures[9] - pictures[n]).mean() for n in (8, 0))


def test_a_folder_of_images_is_closed(tmp_path: Path) -> None:
    make_images(tmp_path / "images", frames=4)
    network = ("--engine", "onnx", "--device", "CPU", "--model", "lite")
    command = ("upsample", "images", "smooth", "--input-fps", 25, "--loop", "--no-cuts", *network)
    done = run_here(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 frames became 8" in done.stderr
    assert "4 frames were made." in done.stderr
    assert len(list((tmp_path / "smooth").iterdir())) == 8


def test_a_section_is_closed_and_the_times_stay_exact(tmp_path: Path) -> None:
    ticks = [0, 40, 90, 120, 200, 240, 300]
    source = make_clip(tmp_path / "vfr.mp4", ticks=ticks, codec="libx264", filters="setparams=range=pc")
    options = {"start": Fraction(9, 100), "end": Fraction(24, 100), "loop": True, "cut_threshold": None}
    summary = upsample(source, tmp_path / "film.mp4", **options)  # type: ignore[arg-type]
    assert (summary.frames_out, summary.frames_made) == (6, 3)
    assert frame_times(tmp_path / "film.mp4") == [Fraction(n, 1000) for n in (0, 15, 30, 70, 110, 130)]
    assert end_time(tmp_path / "film.mp4") == Fraction(150, 1000)


def test_all_but_the_seam_is_as_without_a_loop(clip: Path, tmp_path: Path) -> None:
    for name, loop in (("held.mkv", False), ("loop.mkv", True)):
        upsample(clip, tmp_path / name, 3, encode=FFV1, loop=loop, cut_threshold=None)
    assert frame_times(tmp_path / "held.mkv") == frame_times(tmp_path / "loop.mkv")
    held, closed = (frame_hashes(tmp_path / name, "yuv420p") for name in ("held.mkv", "loop.mkv"))
    assert held[:-2] == closed[:-2]
    assert not {*held[-2:]} & {*closed[-2:]}


def test_a_cut_at_the_seam_is_held_and_said_and_not_listed(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", frames=3, size="160x96")
    join = "[1]trim=end_frame=3,format=yuv420p[b];[0][b]concat=n=2"
    second = ("-f", "lavfi", "-i", "mandelbrot=size=160x96:rate=25")
    ffmpeg("-i", source, *second, "-filter_complex", join, "-c:v", "ffv1", tmp_path / "shots.mkv")
    summary = upsample(tmp_path / "shots.mkv", tmp_path / "film.mkv", encode=FFV1, loop=True)
    assert summary.pairs["cut"] == 2
    assert [cut.frame for cut in summary.cuts] == [3]
    assert any("the loop has a cut there" in note for note in summary.notes)
    film = frame_hashes(tmp_path / "film.mkv", "yuv420p")
    assert film[-1] == film[-2]


def test_a_last_frame_that_equals_the_first_is_held_and_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mkv", frames=4)
    again = "[0]split[a][b];[b]trim=end_frame=1[c];[a][c]concat=n=2"
    ffmpeg("-i", source, "-filter_complex", again, "-c:v", "ffv1", tmp_path / "again.mkv")
    summary = upsample(tmp_path / "again.mkv", tmp_path / "film.mkv", encode=FFV1, loop=True)
    assert (summary.frames_made, summary.pairs["duplicate"]) == (4, 1)
    assert any("--end 4f leaves it out" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ("0.24", None),
        ("0.60", "The sound ends 0.36 s after the picture"),
        ("0.10", "The sound ends 0.14 s before the picture"),
    ],
)
def test_sound_of_another_length_is_said_before_the_run(seconds: str, told: str | None, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mov", codec="libx264", inputs=BEEP, output=("-c:a", "pcm_s16le"))
    sound = ("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-filter:a", f"atrim=end={seconds}")
    ffmpeg("-i", source, *BEEP, *sound, tmp_path / "film.mov")
    clip = probe_once(tmp_path / "film.mov")

    def notes(options: UpsampleOptions) -> list[str]:
        return [note for note in plan_job(clip, tmp_path / "out.mov", options).encode.notes if "sound ends" in note]

    assert notes(UpsampleOptions()) == []
    slow = replace(LOOP, slow_motion=True)
    if told is None:
        assert notes(LOOP) == notes(slow) == []
        return
    assert len(notes(slow)) == 1
    (note,) = notes(LOOP)
    assert told in note


@pytest.mark.parametrize(("plays", "told"), [(1, "is played once"), (2, "is played 2 times")])
def test_an_animation_that_stops_is_said_to(plays: int, told: str, tmp_path: Path) -> None:
    source = make_animation(tmp_path / "source.apng", plays=plays)
    (note,) = plan_job(probe_once(source), tmp_path / "loop.apng", LOOP).encode.notes
    assert told in note
    assert not plan_job(probe_once(source), tmp_path / "loop.apng", UpsampleOptions()).encode.notes


def test_a_resumed_loop_is_as_one_that_was_made_at_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 4)
    asked = count()

    def failing(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        if next(asked) == 4:
            raise ModelError("The network failed.")
        return blend(left, right, t)

    options = {"encode": FFV1, "loop": True, "cut_threshold": None}
    upsample(clip, tmp_path / "whole.mkv", **options)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="failed"):
        upsample(clip, tmp_path / "film.mkv", network=failing, **options)  # type: ignore[arg-type]
    assert len(list(folder_of(tmp_path / "film.mkv").glob("*.segment"))) == 2
    summary = upsample(clip, tmp_path / "film.mkv", resume=True, **options)  # type: ignore[arg-type]
    assert (summary.frames_out, summary.frames_made) == (12, 6)
    assert frame_times(tmp_path / "film.mkv") == frame_times(tmp_path / "whole.mkv")
    assert frame_hashes(tmp_path / "film.mkv", "yuv420p") == frame_hashes(tmp_path / "whole.mkv", "yuv420p")
