"""Train and fine-tune networks: write weights, checkpoints and curves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np

from ifrplus_cli.errors import IfrplusError, InputError, ModelError, OutputError
from ifrplus_cli.frames.metrics import LARGEST_PSNR, psnr
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import choose_device
from ifrplus_cli.stopping import StoppedError, StopRequest
from ifrplus_cli.training import checkpoint
from ifrplus_cli.training.augment import Augmentation
from ifrplus_cli.training.checkpoint import Position
from ifrplus_cli.training.curves import Row, read_rows, write_rows
from ifrplus_cli.training.data import Material, from_triplets, from_videos, synthetic
from ifrplus_cli.training.examples import ExampleSource, Rows, Share
from ifrplus_cli.training.recipe import Recipe, learning_rate
from ifrplus_cli.training.trainer import Batch, Step, Trainer, World, join_world, read_batches
from ifrplus_cli.weights.manifest import MANIFEST, find_weights

WEIGHTS, TABLE = "weights.safetensors", "curves.csv"
VALIDATED = 24  # examples
AS_GOOD = 0.01  # dB of validation PSNR that so few examples do not distinguish
BAD_STEPS = 10  # consecutive steps with losses that are not finite, after which a run ends
SHOWN_EVERY, WRITING = 20.0, 0.02  # seconds between two updates of the curves, and the share of time they may take
LENGTH = ("steps", "minutes", "validate_every")  # what may change of a recipe when a run is resumed
ENDLESS = 1_000_000  # steps of a run that the clock ends


@dataclass(frozen=True)
class TrainOptions:
    """The user's choices for a run.

    Attributes:
        model: ``lite`` or ``ifrplus``.
        recipe: its hyperparameters.
        out: folder for weights, checkpoints and curves.
        init: a name of the manifest, or a file of weights, to start from; None for untrained weights.
        videos, triplets: training data; without either, generated motion is used.
        validate: separate validation data, in place of a part that is held out.
        perceptual: file of weights of VGG 16 and LPIPS, for the loss of that name.
        workers: processes that make examples; with 1, they are made in the training process.
        resume: continue the run whose checkpoints are in ``out``.
    """

    model: str
    recipe: Recipe
    out: Path
    init: str | None = None
    videos: Path | None = None
    triplets: Path | None = None
    validate: Path | None = None
    perceptual: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    workers: int = 1
    seed: int = 1
    resume: bool = False


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a run.

    Attributes:
        share: finished share, 0 to 1.
        loss: weighted sum of the last step.
        psnr: of the last validation, in dB.
    """

    step: int
    share: float
    loss: float
    psnr: float
    seconds: float


@dataclass(frozen=True)
class TrainResult:
    """The result of a run.

    Attributes:
        weights: the last averages that validated within ``AS_GOOD`` of the best, and better than those at the start.
        first, best, blend: validation PSNR in dB: before the first step, at best, and of a blend of both frames.
        skipped: steps whose losses were not finite.
    """

    weights: Path
    steps: int
    seconds: float
    first: float
    best: float
    blend: float
    skipped: int


def train_network(
    options: TrainOptions,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
    stop: StopRequest | None = None,
    show: Callable[[Sequence[Row]], None] = lambda _: None,
) -> TrainResult:
    """Train a network until its recipe ends.

    Args:
        options: the user's choices.
        progress: called with the progress after each step.
        say: called with messages about what is done.
        note: called with messages that a user should read.
        stop: requests an end; the run then writes a checkpoint after the step in progress.
        show: called with the rows of the table whenever it is written: at each validation, and sometimes between.

    Raises:
        IfrplusError: if the data, the weights or the losses can't be used.
        StoppedError: if it was asked to stop.
    """
    _check(options)
    material = _material(options)
    say(f"{material.description}.")
    device = choose_device(options.device, note)
    world = join_world()
    if world.devices > 1 and options.recipe.steps is None:
        raise InputError("Several devices can't stop by the time of one of them.", "Use --steps.")
    run = _TrainingRun(options, world, material, _precision(options, device.kind), show)
    return run.go(progress, say, stop or StopRequest())


def _check(options: TrainOptions) -> None:
    """Detect at once what would fail later."""
    if options.recipe.losses.perceptual and options.perceptual is None:
        raise InputError(
            "The perceptual loss needs the weights of VGG 16 and LPIPS.", "Give their file with --perceptual."
        )
    if not options.recipe.losses.used:
        raise InputError("All loss weights are 0.", "Give one, such as --loss laplacian=1.")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {options.out} can't be created: {error.strerror}.", "Give another --out."
        ) from error
    found = checkpoint.checkpoints(options.out)
    if found and not options.resume:
        raise OutputError(
            f"There are checkpoints of a run in {options.out}.", "Continue it with --resume, or give another --out."
        )
    if options.resume and not found:
        raise InputError(f"There is no checkpoint in {options.out}.", "Leave --resume out, or give the right --out.")


def _material(options: TrainOptions) -> Material:
    choices = (options.recipe.crop, options.seed, options.validate)
    if options.videos is not None:
        return from_videos(options.videos, *choices)
    if options.triplets is not None:
        return from_triplets(options.triplets, *choices)
    return synthetic(*choices)


def _precision(options: TrainOptions, kind: str) -> str:
    able = MODELS[options.model].precisions
    if options.precision == "auto":
        return "fp16" if kind != "CPU" and "fp16" in able else "fp32"
    if options.precision not in able:
        raise ModelError(
            f"The network {options.model} is not trained in {options.precision}.", "Leave --precision out."
        )
    return options.precision


def weights_to_begin_from(init: str, model: str) -> Path:
    """Return the file that a name of the manifest or a path means.

    Raises:
        ModelError: if it does not exist.
    """
    if init in MANIFEST and MANIFEST[init].network == model:
        found = find_weights(init)
        if found is None:
            raise ModelError(f"The weights {init} are not installed.", f"Get them: ifrplus download-weights {init}")
        return found
    if not Path(init).is_file():
        raise ModelError(f"{init} is neither the name of weights of {model} nor a file.", f"Use --init {model}.")
    return Path(init)


class _TrainingRun:
    """One process of a run."""

    def __init__(
        self,
        options: TrainOptions,
        world: World,
        material: Material,
        precision: str,
        show: Callable[[Sequence[Row]], None],
    ) -> None:
        self._options, self._recipe, self._world = options, options.recipe, world
        self._material, self._show = material, show
        self._trainer = Trainer(
            options.model,
            options.recipe,
            seed=options.seed,
            world=world,
            precision=precision,
            perceptual=options.perceptual if options.recipe.losses.perceptual else None,
        )
        self._position = Position()
        self._rows: list[dict[str, float | int | None]] = []
        self._same = _comparable(options, world, precision)
        if options.resume:
            state, self._position = checkpoint.load(checkpoint.checkpoints(options.out)[-1], self._same)
            self._trainer.restore(state)
            self._rows = [dict(row) for row in read_rows(options.out / TABLE, self._position.step)]
        elif options.init is not None:
            self._trainer.begin_from(weights_to_begin_from(options.init, options.model))

    def go(
        self, progress: Callable[[TrainingProgress], None], say: Callable[[str], None], stop: StopRequest
    ) -> TrainResult:
        batches = self._batches()
        held_out = self._held_out(self._material.validated)
        blend = _blend_psnr(held_out)
        if not self._rows:
            self._rows.append({"step": 0, "seconds": 0.0})
            self._validate(held_out)
        before = self._last_psnr
        say(f"Validation on {held_out.count} examples: {before:.2f} dB at the start, {blend:.2f} dB for a blend.")
        stop.deferred = True
        try:
            self._step_on(batches, held_out, progress, stop)
        finally:
            stop.deferred = False
        self._write_curves()
        return TrainResult(
            weights=self._options.out / WEIGHTS,
            steps=self._position.step,
            seconds=self._position.seconds,
            first=self._first_psnr,
            best=self._position.best,
            blend=blend,
            skipped=self._position.skipped,
        )

    def _step_on(
        self,
        batches: Iterator[Batch],
        held_out: HeldOut,
        progress: Callable[[TrainingProgress], None],
        stop: StopRequest,
    ) -> None:
        """Step until the recipe ends, or a stop is asked for; validate and save on the way."""
        recipe = self._recipe
        begun, next_shown, bad = time.monotonic() - self._position.seconds, 0.0, 0
        while (share := self._share()) < 1:
            number = self._position.step
            rate = learning_rate(recipe, number, share)
            step = self._trainer.step(self._taken(batches), rate, number)
            bad = bad + 1 if step.skipped else 0
            seconds = time.monotonic() - begun
            self._position = replace(
                self._position,
                step=number + 1,
                seconds=seconds,
                skipped=self._position.skipped + step.skipped,
            )
            loss = sum(recipe.losses.used[name] * value for name, value in step.losses.items())
            self._rows.append(self._row(step, rate, loss))
            if bad >= BAD_STEPS:
                self._write_curves()
                raise ModelError(
                    f"The loss was not finite for {bad} steps in a row, the last one being step {number + 1}.",
                    "Start again with --init CHECKPOINT, a lower --rate and another --out, or check the training data.",
                )
            ended = self._share() >= 1
            if (number + 1) % recipe.validate_every == 0 or ended:
                self._validate(held_out)
            if (number + 1) % recipe.validate_every == 0 or ended or stop.asked:
                self._save()
            if seconds > next_shown:
                self._write_curves()
                spent = time.monotonic() - begun - seconds
                next_shown = seconds + max(SHOWN_EVERY, spent / WRITING)
            progress(TrainingProgress(number + 1, min(self._share(), 1.0), loss, self._last_psnr, seconds))
            if stop.asked and not ended:
                raise StoppedError(f"step {number + 1} is saved in {self._options.out}; continue with --resume.")

    def _taken(self, batches: Iterator[Batch]) -> list[Batch]:
        """Take what a step needs; if a picture can't be read, what has been learnt until then is saved."""
        try:
            return list(islice(batches, self._recipe.accumulate))
        except IfrplusError as error:
            if self._position.step:
                self._save()
                error.message = f"{error.message} Step {self._position.step} is saved in {self._options.out}."
                error.hint = f"{error.hint} Then continue with --resume."
            raise

    def _row(self, step: Step, rate: float, loss: float) -> dict[str, float | int | None]:
        """Return the table's row for a step that was just made."""
        return {
            "step": self._position.step,
            "seconds": round(self._position.seconds, 2),
            "rate": rate,
            "loss": loss,
            **step.losses,
            "norm": step.norm,
            "scale": self._trainer.scale,
            "skipped": self._position.skipped,
        }

    def _share(self) -> float:
        """Return the finished share of the run."""
        recipe = self._recipe
        if recipe.steps is not None:
            return self._position.step / recipe.steps
        assert recipe.minutes is not None
        return self._position.seconds / (60 * recipe.minutes)

    def _batches(self) -> Iterator[Batch]:
        recipe = self._recipe
        share = Share(recipe.batch, self._world.rank, self._world.devices)
        each = recipe.accumulate * recipe.batch
        steps = (recipe.steps or ENDLESS) - self._position.step
        first, count = self._position.step * each, max(steps, 1) * each
        rows = Rows(self._material.learnt, share, recipe.crop, recipe.augmentation, self._options.seed, first, count)
        return read_batches(rows, recipe.batch, self._options.workers)

    def _held_out(self, source: ExampleSource) -> HeldOut:
        batch = self._recipe.batch
        count = max(VALIDATED // batch, 1) * batch
        rows = Rows(source, Share(batch), self._recipe.crop, Augmentation.none(), 0, 0, count)
        return HeldOut(tuple(read_batches(rows, batch, 1)), count)

    def _validate(self, held_out: HeldOut) -> None:
        """Add the PSNR of the averaged weights to the last row, and keep the best weights.

        Of equally good ones the last are kept: the rate has fallen, and other frames show what so few examples do not.
        """
        figures = [_psnr(made, true) for batch in held_out.batches for made, true in self._pairs(batch)]
        value = fmean(figures)
        self._rows[-1]["psnr"] = value
        best = self._position.best
        if value > max(best - AS_GOOD, self._first_psnr if best else 0.0):
            self._position = replace(self._position, best=max(best, value))
            if self._world.rank == 0:
                card = {
                    "name": self._options.model,
                    "steps": str(self._position.step),
                    "validation_psnr": f"{value:.3f}",
                }
                checkpoint.write(self._trainer.averages(), self._options.out / WEIGHTS, card)

    def _pairs(self, batch: Batch) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return zip(self._trainer.made(batch), batch["true"], strict=True)

    @property
    def _first_psnr(self) -> float:
        return next(value for row in self._rows if (value := row.get("psnr")) is not None)

    @property
    def _last_psnr(self) -> float:
        return next(value for row in reversed(self._rows) if (value := row.get("psnr")) is not None)

    def _save(self) -> None:
        if self._world.rank == 0:
            checkpoint.save(self._options.out, self._trainer.state(), self._position, self._same)
            self._write_curves()

    def _write_curves(self) -> None:
        if self._world.rank == 0:
            write_rows(self._rows, self._options.out / TABLE)
            self._show(self._rows)


@dataclass(frozen=True)
class HeldOut:
    """The examples on which a run is validated."""

    batches: Sequence[Batch]
    count: int


def _comparable(options: TrainOptions, world: World, precision: str) -> dict[str, object]:
    """Return the settings that a resumed run must share with the earlier one; its length may change."""
    data = {name: getattr(options, name) for name in ("videos", "triplets", "validate")}
    recipe = {name: value for name, value in asdict(options.recipe).items() if name not in LENGTH}
    return {
        "model": options.model,
        "seed": options.seed,
        "devices": world.devices,
        "precision": precision,
        **{name: path and str(path.absolute()) for name, path in data.items()},
        **recipe,
    }


def _blend_psnr(held_out: HeldOut) -> float:
    figures = []
    for batch in held_out.batches:
        left, right = (batch[side].astype(np.float32) / 255 for side in ("left", "right"))
        blends = left + batch["t"] * (right - left)
        figures += [_psnr(made, true) for made, true in zip(blends, batch["true"], strict=True)]
    return fmean(figures)


def _psnr(made: np.ndarray, true: np.ndarray) -> float:
    """PSNR in dB of a float picture, rounded to 8 bits, against an 8-bit one; at most 100."""
    codes = np.clip(np.rint(np.nan_to_num(made) * 255), 0, 255).astype(np.uint8)
    return min(psnr(codes.transpose(1, 2, 0), true.transpose(1, 2, 0)), LARGEST_PSNR)
