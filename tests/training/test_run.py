"""Training runs of a tiny network: they resume exactly, keep what they promise, and fail with a sentence."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import mindspore as ms
import numpy as np
import pytest
from clips import ffmpeg, make_clip, run_here
from golden import running_in
from mindspore import nn, ops
from safetensors import safe_open

from ifrplus_cli.errors import IfrplusError, InputError, ModelError, OutputError
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import Device
from ifrplus_cli.stopping import StoppedError, StopRequest
from ifrplus_cli.training import footage, trainer
from ifrplus_cli.training import run as training
from ifrplus_cli.training.checkpoint import KEPT_CHECKPOINTS, checkpoints
from ifrplus_cli.training.recipe import RECIPES, LossWeights
from ifrplus_cli.training.run import BAD_STEPS, TrainOptions, TrainResult, train_network
from ifrplus_cli.weights.reading import load_weights

SIZE = 64
RECIPE = replace(
    RECIPES["small"],
    crop=SIZE,
    batch=2,
    steps=6,
    minutes=None,
    warm_up=2,
    validate_every=3,
    rate=1e-2,
    last_rate=1e-3,
    losses=LossWeights(logarithm=0.1, distillation=0.1),
)


class Tiny(nn.Cell):
    """A network that compiles at once: a blend, corrected by one convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(10, 7, 3, pad_mode="pad", padding=1, has_bias=True, weight_init="zeros")

    def with_flows(self, left: ms.Tensor, right: ms.Tensor, prior: ms.Tensor, t: ms.Tensor) -> tuple[Any, ...]:
        flow = ops.interpolate(prior, size=left.shape[2:], mode="bilinear")
        told = self.only(ops.cat((left, right, flow / 32), 1))
        residual, change = ops.split(told, (3, 4), 1)
        return left + t * (right - left) + residual, (prior + ops.avg_pool2d(change, 4, 4),)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts the tiny network in lite's place, and computes without compiling."""
    monkeypatch.setitem(MODELS, "lite", replace(MODELS["lite"], build=lambda *_: Tiny()))
    monkeypatch.setattr(training, "VALIDATED", 2)
    monkeypatch.setattr(training, "choose_device", lambda *_: Device("CPU"))
    with running_in("pynative"):
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six triplets: a texture that moves by a few pixels."""
    folder = tmp_path_factory.mktemp("set")
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (120, 120, 3), np.uint8)
        texture = cv2.GaussianBlur(noise, (0, 0), 2)
        (folder / f"{number}").mkdir()
        for place in range(3):
            moved = texture[10 + 2 * place : 90 + 2 * place, 10:106]
            cv2.imwrite(str(folder / f"{number}" / f"im{place + 1}.png"), moved)
    return folder


def run(out: Path, pictures: Path, stop: StopRequest | None = None, **options: Any) -> TrainResult:
    recipe = options.pop("recipe", RECIPE)
    return train_network(TrainOptions("lite", recipe, out, triplets=pictures, device="CPU", **options), stop=stop)


def table(out: Path) -> list[dict[str, str]]:
    with (out / "curves.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def refused(call: Callable[[], object], kind: type[IfrplusError] = InputError) -> str:
    with pytest.raises(kind) as error:
        call()
    return error.value.message


def test_a_run_that_is_stopped_and_resumed_has_the_same_curve(tmp_path: Path, pictures: Path) -> None:
    whole = run(tmp_path / "whole", pictures)
    assert (whole.steps, whole.skipped) == (6, 0)
    stop = StopRequest()
    stop.asked = True
    with pytest.raises(StoppedError, match="step 1 is saved"):
        run(tmp_path / "parts", pictures, stop)
    run(tmp_path / "parts", pictures, resume=True)
    rows = table(tmp_path / "parts")
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4", "5", "6"]
    assert rows == table(tmp_path / "whole")
    assert len({row["loss"] for row in rows}) == 7


def test_the_command_keeps_a_page_of_its_curves_up_to_date(tmp_path: Path, pictures: Path) -> None:
    figures = ("--steps", 2, "--crop", SIZE, "--batch", 2, "--validate-every", 1)
    done = run_here("train", "--triplets", pictures, *figures, "--device", "CPU", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "training" / "curves.html").read_text("utf-8")
    assert "Written at step 2" in page and "Validation PSNR" in page


def test_rows_are_shown_at_each_validation(tmp_path: Path, pictures: Path) -> None:
    shown: list[int] = []
    train_network(
        TrainOptions("lite", RECIPE, tmp_path, triplets=pictures, device="CPU"),
        show=lambda rows: shown.append(int(rows[-1]["step"] or 0)),
    )
    assert {3, 6} <= set(shown)


def test_weights_and_checkpoints_can_be_used_and_only_the_last_few_are_kept(tmp_path: Path, pictures: Path) -> None:
    run(tmp_path, pictures, recipe=replace(RECIPE, validate_every=1))
    kept = checkpoints(tmp_path)
    assert [path.name for path in kept] == [f"step-000000{step}.safetensors" for step in (4, 5, 6)][-KEPT_CHECKPOINTS:]
    shapes = {"only.weight": (7, 10, 3, 3), "only.bias": (7,)}
    for path in (tmp_path / "weights.safetensors", kept[-1]):
        assert load_weights(path, shapes).keys() == shapes.keys()
    message = refused(lambda: run(tmp_path, pictures), OutputError)
    assert message == f"There are checkpoints of a run in {tmp_path}."
    other = replace(RECIPE, rate=0.5)
    assert "started with other values of rate." in refused(lambda: run(tmp_path, pictures, recipe=other, resume=True))
    told = refused(lambda: run(tmp_path, pictures, validate=pictures, resume=True))
    assert "started with other values of validate." in told
    begun = run(tmp_path / "more", pictures, init=str(kept[-1]))
    assert begun.first == pytest.approx(float(table(tmp_path)[-1]["psnr"]))
    assert run(tmp_path, pictures, recipe=replace(RECIPE, steps=8), resume=True).steps == 8


@pytest.mark.parametrize(
    ("validated", "kept"),
    [
        ((30.0, 30.5, 30.495), 6),  # as good: the later ones, of a lower rate
        ((30.0, 30.5, 30.48), 3),
        ((30.0, 29.9, 29.995), 0),  # never worse than the weights that it began with
        ((30.0, 30.2, 30.4), 6),
    ],
)
def test_later_weights_are_kept_unless_they_validate_worse(
    tmp_path: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    validated: tuple[float, ...],
    kept: int,
) -> None:
    figures = iter((25.0, *validated))  # the first is of a blend
    monkeypatch.setattr(training, "fmean", lambda _: next(figures))
    result = run(tmp_path / "out", pictures)
    with safe_open(result.weights, "numpy") as file:
        assert file.metadata()["steps"] == str(kept)
    assert (result.first, result.best) == (validated[0], max(validated))


def test_two_batches_a_step_equal_one_of_double_size(tmp_path: Path, pictures: Path) -> None:
    run(tmp_path / "one", pictures, recipe=replace(RECIPE, batch=4, validate_every=6))
    run(tmp_path / "two", pictures, recipe=replace(RECIPE, batch=2, accumulate=2, validate_every=6))
    for one, two in zip(table(tmp_path / "one")[1:], table(tmp_path / "two")[1:], strict=True):
        assert float(one["loss"]) == pytest.approx(float(two["loss"]), abs=1e-5)


def test_a_few_triplets_can_be_overfitted() -> None:
    """Pictures brighter than the dark ones around them: in 20 steps the loss falls to a tenth."""
    recipe = replace(RECIPE, losses=LossWeights(laplacian=1.0), weight_decay=0.0)
    made = trainer.Trainer("lite", recipe, seed=1, world=trainer.World(), precision="fp32")
    around = np.random.default_rng(1).integers(0, 4, (8, 3, 32, 32), np.uint8)
    batch = {"left": around, "true": around + np.uint8(40), "right": around}
    batch |= {"t": np.full((8, 1, 1, 1), 0.5, np.float32), "flows": np.zeros((8, 8, 8, 8), np.float32)}
    losses = [made.step([batch], 3e-2 * 0.85**step, step).losses["laplacian"] for step in range(20)]
    assert losses[-1] < losses[0] / 10


def test_steps_that_are_not_finite_are_skipped_counted_and_end_the_run(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad: set[int] = {2, 3}
    inputs = trainer.Trainer._inputs
    calls = iter(range(1000))

    def broken(self: trainer.Trainer, batch: trainer.Batch) -> tuple[Any, ...]:
        made = inputs(self, batch)
        return made if next(calls) not in bad else (*made[:-1], made[-1] * float("nan"))

    monkeypatch.setattr(trainer.Trainer, "_inputs", broken)
    result = run(tmp_path / "some", pictures)
    assert (result.steps, result.skipped) == (6, 2)
    assert np.isfinite(
        load_weights(result.weights, {"only.weight": (7, 10, 3, 3), "only.bias": (7,)})["only.bias"]
    ).all()
    bad.update(range(1000))
    message = refused(
        lambda: run(tmp_path / "all", pictures, recipe=replace(RECIPE, steps=50, validate_every=50)), ModelError
    )
    assert message == f"The loss was not finite for {BAD_STEPS} steps in a row, the last one being step {BAD_STEPS}."


def test_what_was_learnt_before_a_damaged_picture_is_kept(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training.read_batches

    def damaged(*arguments: Any) -> Iterator[trainer.Batch]:
        for number, batch in enumerate(whole(*arguments)):
            if number == 2:
                raise InputError("The picture im2.png is damaged.", "Use an undamaged copy.")
            yield batch

    monkeypatch.setattr(training, "read_batches", damaged)
    with pytest.raises(InputError, match=r"is damaged. Step \d is saved in") as error:
        run(tmp_path, pictures)
    assert error.value.hint == "Use an undamaged copy. Then continue with --resume."
    monkeypatch.setattr(training, "read_batches", whole)
    run(tmp_path, pictures, resume=True)
    assert [row["step"] for row in table(tmp_path)] == ["0", "1", "2", "3", "4", "5", "6"]


def test_half_precision_halves_its_scale_when_it_overflows() -> None:
    made = trainer.Trainer("lite", RECIPE, seed=1, world=trainer.World(), precision="fp16")
    batch = {name: np.zeros((1, 3, SIZE, SIZE), np.uint8) for name in ("left", "true", "right")}
    batch |= {"t": np.full((1, 1, 1, 1), 0.5, np.float32), "flows": np.full((1, 8, 16, 16), np.nan, np.float32)}
    scale = made.scale
    before = made.averages()["only.bias"].copy()
    assert made.step([batch], 1e-3, 0).skipped
    assert made.scale == scale / 2
    assert np.array_equal(made.averages()["only.bias"], before)
    batch["flows"][:] = 0
    assert not made.step([batch], 1e-3, 1).skipped
    assert not np.array_equal(made.averages()["only.bias"], before)


def test_unusable_training_data_is_named(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def learn(**options: Any) -> Callable[[], object]:
        return lambda: train_network(TrainOptions("lite", RECIPE, tmp_path / "out", device="CPU", **options))

    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "film.mp4").write_text("no film")
    assert "film.mp4" in refused(learn(videos=tmp_path / "text"))
    small = make_clip(tmp_path / "small.mkv", size="48x48")
    assert refused(learn(videos=small)) == "small.mkv is 48x48, smaller than the 64 pixels of a crop."
    still = tmp_path / "still.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=96x80:rate=25,trim=end_frame=1,loop=20:1", "-c:v", "ffv1", still)
    monkeypatch.setattr(footage, "DRAWS", 2)
    assert refused(learn(videos=still)).startswith("No motion was found in")
    folder = tmp_path / "set" / "a"
    folder.mkdir(parents=True)
    for number, width in ((1, 96), (2, 96), (3, 90)):
        cv2.imwrite(str(folder / f"im{number}.png"), np.zeros((96, width, 3), np.uint8))
    assert refused(learn(triplets=tmp_path / "set")) == "The pictures of the triplet a differ in size: 90x96, 96x96."
    (folder / "im3.png").unlink()
    assert "only 2 pictures" in refused(learn(triplets=tmp_path / "set"))
    weights = replace(RECIPE, losses=LossWeights(perceptual=0.1))
    options = TrainOptions("lite", weights, tmp_path / "out", triplets=pictures, device="CPU")
    assert "needs the weights of VGG 16" in refused(lambda: train_network(options))
    assert refused(learn(triplets=pictures, init="nothing"), ModelError).startswith("nothing is neither")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "use exactly one of --videos, --triplets and --synthetic"),
        (("--synthetic", "--videos", "films"), 2, "use exactly one of --videos"),
        (("--synthetic", "--steps", 5, "--minutes", 5), 2, "can't be combined"),
        (("--videos", "none"), 1, "error: none is not a folder."),
        (("--synthetic", "--crop", 100), 1, "error: A crop of 100 pixels can't be used."),
        (("--synthetic", "--loss", "beauty=1"), 1, "error: beauty=1 is not a loss weight."),
        (("--synthetic", "--resume"), 1, "error: There is no checkpoint in training."),
    ],
)
def test_the_command_says_at_once_what_is_wrong(
    arguments: tuple[object, ...], code: int, told: str, tmp_path: Path
) -> None:
    done = run_here("train", *arguments, folder=tmp_path, environment={"COLUMNS": "200"})
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
