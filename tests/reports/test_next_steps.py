"""What is said at the end of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clips import blend_model, make_animation, make_clip, run_blend_here

from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.films import FinishedFilm
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import run_job
from ifrplus_cli.reports import next_steps as steps_file
from ifrplus_cli.reports.next_steps import done_to, next_steps
from ifrplus_cli.video.reading.probe import probe

CUTS = tuple(Cut(number, Fraction(number, 25), 0.9) for number in (10, 20, 30, 40, 50, 60))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> FinishedFilm:
    folder = tmp_path_factory.mktemp("film")
    job = plan_job(probe(make_clip(folder / "clip.mkv", frames=3)), folder / "film.mkv", UpsampleOptions())
    model = blend_model()
    return FinishedFilm(job, model, run_job(job, model), None)


def changed(film: FinishedFilm, *, motion: int = 100, cut: int = 0, duplicate: int = 0, **figures: Any) -> FinishedFilm:
    pairs = {"motion": motion, "cut": cut, "duplicate": duplicate}
    return replace(film, summary=replace(film.summary, pairs=pairs, **{"sharpness": 0.9, **figures}))


def test_a_run_measures_how_sharp_its_frames_are(film: FinishedFilm) -> None:
    assert film.summary.sharpness is not None
    assert 0 < film.summary.sharpness < 1.5


def test_what_was_done_is_one_line(film: FinishedFilm) -> None:
    plain = changed(film, frames_made=100)
    assert done_to(plain) == "100 frames were made."
    all_of_it = changed(film, cut=6, duplicate=1, frames_made=1, cuts=CUTS, notes=("a", "b"))
    assert done_to(all_of_it) == (
        "1 frame was made, 6 cuts were held (first at 0:00:00.40), 1 repeated frame was kept, see the 2 notes above."
    )


def test_an_ordinary_film_needs_no_advice(film: FinishedFilm) -> None:
    assert list(next_steps(changed(film, cut=3, duplicate=5))) == []
    assert list(next_steps(changed(film, motion=2, duplicate=2))) == []


@pytest.mark.parametrize(
    ("figures", "advice"),
    [
        ({"motion": 60, "duplicate": 40}, "40% of the frames repeat the one before: --duplicates smooth"),
        ({"sharpness": 0.41}, "(0.41 of their detail): --report run.html"),
        ({"motion": 80, "cut": 20}, "20 cuts in 100 pairs are many"),
    ],
)
def test_figures_suggest_what_to_try(
    figures: dict[str, Any], advice: str, film: FinishedFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_file, "repeats_advice", lambda _: "smooth them")
    (sentence,) = next_steps(changed(film, **figures))
    assert advice in sentence


def test_a_picture_that_rests_is_not_called_motion_that_repeats(tmp_path: Path) -> None:
    still = ("-vf", "trim=end_frame=1,loop=40:1,setpts=N/25/TB")
    make_clip(tmp_path / "in.mkv", frames=40, output=still)
    done = run_blend_here("upsample", "in.mkv", "out.mkv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "39 repeated frames were kept" in done.stderr
    assert "next:" not in done.stderr


def test_advice_that_was_followed_is_not_repeated(film: FinishedFilm) -> None:
    repeats = changed(film, motion=60, duplicate=40)
    smoothed = replace(repeats, job=replace(film.job, options=replace(film.job.options, smooth_duplicates=True)))
    assert list(next_steps(smoothed)) == []


def test_the_command_prints_it_after_the_result(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", frames=24, output=("-vf", "framestep=2,fps=25", "-frames:v", "24"))
    done = run_blend_here("upsample", "in.mkv", "out.mkv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    end = next(number for number, line in enumerate(said) if line.startswith("done:"))
    assert said[end + 1].split(", ")[1] == "12 repeated frames were kept."
    steps = [line.removeprefix("next: ") for line in said[end + 2 :]]
    assert "--duplicates smooth" in steps[0]
    quiet = run_blend_here("upsample", "in.mkv", "out.mkv", "-y", "-q", folder=tmp_path)
    assert quiet.stderr == ""
    told = json.loads(run_blend_here("upsample", "in.mkv", "out.mkv", "-y", "--json", folder=tmp_path).stdout)
    assert told["next_steps"] == steps


def test_the_report_is_named_where_there_is_one(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv")
    done = run_blend_here("upsample", "in.mkv", "out.mkv", "--report", "run.html", folder=tmp_path)
    assert done.stderr.splitlines()[-1].startswith("done: run.html: ")
    assert "--report" not in done.stderr


def test_colours_of_an_animation_are_not_taken_for_softness(tmp_path: Path) -> None:
    make_animation(tmp_path / "in.gif")
    done = run_blend_here("upsample", "in.gif", "out.gif", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "see the note above" in done.stderr
    assert "next:" not in done.stderr
