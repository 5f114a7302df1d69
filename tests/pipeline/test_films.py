"""Several films by one request: they share a network where they can, and one that fails changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from clips import blend_model, frame_times, make_clip

from ifrplus_cli.errors import InputError, ModelError, OutputError
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.plan import NetworkPlan
from ifrplus_cli.pipeline import films as films_file
from ifrplus_cli.pipeline.films import Films, FinishedFilm, Listener, Trial, said_to_be_finished, try_film
from ifrplus_cli.pipeline.journal import RECORD, folder_of
from ifrplus_cli.pipeline.preview import Preview
from ifrplus_cli.pipeline.request import UpsampleRequest

REQUEST = UpsampleRequest(engine="onnx", device="CPU", codec="ffv1")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Sizes, (width, height), that a network was loaded for; a blend stands in for it."""
    sizes: list[tuple[int, int]] = []

    def load(plan: NetworkPlan, weights: Path | None = None) -> LoadedModel:
        sizes.append((plan.tiles.width, plan.tiles.height))
        return blend_model(size=(plan.tiles.height, plan.tiles.width))

    monkeypatch.setattr(films_file, "load_for_run", load)
    return sizes


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Makes a clip of three frames."""
    return lambda name, size="64x48": make_clip(tmp_path / name, size=size, frames=3)


def test_films_of_one_size_share_a_network(
    loads: list[tuple[int, int]], make: Callable[..., Path], tmp_path: Path
) -> None:
    films = Films(REQUEST)
    for name, size in (("a", "64x48"), ("b", "64x48"), ("c", "96x64"), ("d", "96x64"), ("e", "64x48")):
        made = films.make(make(f"{name}.mkv", size), tmp_path / f"{name}-out.mkv")
        assert isinstance(made, FinishedFilm)
        assert len(frame_times(tmp_path / f"{name}-out.mkv")) == 6
    assert loads == [(64, 48), (96, 64), (64, 48)]


def test_a_film_that_fails_leaves_the_network_to_the_next(
    loads: list[tuple[int, int]], make: Callable[..., Path], tmp_path: Path
) -> None:
    films = Films(REQUEST)
    films.make(make("a.mkv"), tmp_path / "a-out.mkv")
    (tmp_path / "text.mkv").write_text("no film")
    with pytest.raises(InputError):
        films.make(tmp_path / "text.mkv", tmp_path / "b-out.mkv")
    films.make(make("c.mkv"), tmp_path / "c-out.mkv")
    assert loads == [(64, 48)]


def test_a_network_that_failed_is_loaded_again(
    loads: list[tuple[int, int]], make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films, run = Films(REQUEST), films_file.run_job

    def fail(*_: object) -> None:
        raise ModelError("The network failed.")

    monkeypatch.setattr(films_file, "run_job", fail)
    with pytest.raises(ModelError):
        films.make(make("a.mkv"), tmp_path / "a-out.mkv")
    monkeypatch.setattr(films_file, "run_job", run)
    films.make(tmp_path / "a.mkv", tmp_path / "a-out.mkv")
    assert loads == [(64, 48), (64, 48)]


def test_a_network_for_another_size_is_refused(make: Callable[..., Path], tmp_path: Path) -> None:
    films = Films(UpsampleRequest(), model=blend_model(size=(64, 96)))
    with pytest.raises(ModelError, match="loaded for frames of 96x64, not 64x48") as refused:
        films.make(make("a.mkv"), tmp_path / "out.mkv")
    assert "load_model((48, 64))" in refused.value.hint


@pytest.mark.parametrize("factor", [2, 3])
def test_times_that_a_given_network_misses_are_noted(factor: int, make: Callable[..., Path], tmp_path: Path) -> None:
    notes: list[str] = []
    model = blend_model(lambda left, right: (left + right) / 2, inputs=("left", "right"))
    films = Films(UpsampleRequest(factor=Fraction(factor)), Listener(note=notes.append), model=model)
    films.make(make("a.mkv"), tmp_path / "out.mkv")
    assert any("only halves gaps" in note for note in notes) == (factor == 3)


@pytest.mark.usefixtures("loads")
def test_a_request_for_a_preview_or_a_trial_makes_that_alone(make: Callable[..., Path], tmp_path: Path) -> None:
    source = make("a.mkv")
    trial = Films(UpsampleRequest(engine="onnx", device="CPU", dry_run=True)).make(source, tmp_path / "out.mkv")
    assert isinstance(trial, Trial)
    assert trial.job.expected_frames == 6
    assert trial.cost is not None
    assert not (tmp_path / "out.mkv").exists()
    preview = Films(UpsampleRequest(engine="onnx", device="CPU", preview=0.5)).make(source, tmp_path / "out.mkv")
    assert isinstance(preview, Preview)
    assert preview.frames == 6
    (tmp_path / "a-upsampled.mp4").mkdir()  # nothing is written there, so that nothing is in the way
    assert try_film(source, UpsampleRequest(engine="onnx", device="CPU")).job.output.name == "a-upsampled.mp4"


def test_a_preview_is_no_folder_of_images(make: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="A preview is one film"):
        Films(UpsampleRequest(preview=0.5)).make(make("a.mkv"), tmp_path / "frames" / "%04d.png")


def test_an_unfinished_run_is_told_before_anybody_is_asked_about_an_older_film(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    source, output = make("a.mkv"), tmp_path / "out.mkv"
    output.write_text("old")
    folder_of(output).mkdir()
    (folder_of(output) / RECORD).write_text("{}")

    def ask(*_: Path) -> bool:
        pytest.fail("somebody is asked")

    with pytest.raises(OutputError, match="holds the frames of an unfinished run"):
        Films(REQUEST, Listener(may_replace=ask)).make(source, output)
    assert (folder_of(output) / RECORD).exists()


@pytest.mark.usefixtures("loads")
def test_a_listener_is_asked_before_an_output_is_replaced(make: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make("a.mkv"), tmp_path / "out.mkv"
    output.write_text("old")
    asked: list[tuple[Path, Path]] = []

    def agree(source: Path, output: Path) -> bool:
        asked.append((source, output))
        return True

    Films(REQUEST, Listener(may_replace=agree)).make(source, output)
    assert asked == [(source, output)]
    assert len(frame_times(output)) == 6


def test_what_fails_after_a_film_says_that_the_film_is_finished(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with pytest.raises(OutputError) as failed, said_to_be_finished(film):
        raise OutputError("The disk is full.")
    assert failed.value.message == f"The disk is full. The film {film} is finished."
