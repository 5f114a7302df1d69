"""``ifrplus train``: a network learns, or is fine-tuned."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ifrplus_cli.commands import console, signals
from ifrplus_cli.commands.options import DeviceOption, JsonOption, refuse
from ifrplus_cli.reports.format import clock_time

if TYPE_CHECKING:
    from ifrplus_cli.training.run import TrainResult

BY_RECIPE = "from the recipe"  # default of options that the recipe decides
Trainable = Literal["lite", "ifrplus"]
RecipeName = Literal["small", "fine-tune", "published"]


def train(
    videos: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Train on the films of a folder, or on one film.", show_default=False),
    ] = None,
    triplets: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Train on a data set of triplets, such as Vimeo-90K.", show_default=False),
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Train on generated motion.")] = False,
    validate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Validate on this data set.", show_default="a held-out part"),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for weights, checkpoints and curves.")] = Path(
        "training"
    ),
    model: Annotated[Trainable, typer.Option(help="Network.")] = "lite",
    init: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Initial weights: a name such as lite, or a file.", show_default=False),
    ] = None,
    recipe: Annotated[
        RecipeName | None,
        typer.Option(
            help="Training settings: small for a CPU, fine-tune for good weights, or those published for IFR+.",
            show_default="fine-tune with --init, otherwise small",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this many steps.", show_default=False)] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Stop after this many minutes.", show_default=False)
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Batch size.", show_default=BY_RECIPE)] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, help="Batches per step (gradient accumulation).", show_default=BY_RECIPE)
    ] = None,
    crop: Annotated[
        int | None, typer.Option(min=64, help="Side of the square crops in pixels.", show_default=BY_RECIPE)
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Learning rate.", show_default=BY_RECIPE)] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=WEIGHT", help="Loss weight; repeatable.", show_default=BY_RECIPE),
    ] = None,
    augment: Annotated[bool, typer.Option("--augment/--no-augment", help="Augment the crops at random.")] = True,
    perceptual: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of VGG 16 and LPIPS for the perceptual loss.", show_default=False),
    ] = None,
    validate_every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Validate and save a checkpoint every N steps.", show_default=BY_RECIPE),
    ] = None,
    device: DeviceOption = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "fp16"], typer.Option(help="Compute precision: fp16 is for ifrplus on Ascend and GPU.")
    ] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of processes that prepare crops.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder of --out.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network, or fine-tune one on your own films."""
    from ifrplus_cli.network.device import quiet_mindspore
    from ifrplus_cli.reports.training import write_curves
    from ifrplus_cli.training.augment import Augmentation
    from ifrplus_cli.training.recipe import RECIPES, changed
    from ifrplus_cli.training.run import TrainOptions, train_network

    sources = (videos is not None) + (triplets is not None) + synthetic
    refuse(sources != 1, "--videos", "use exactly one of --videos, --triplets and --synthetic.")
    refuse(steps and minutes, "--minutes", "--steps and --minutes can't be combined.")
    quiet_mindspore()
    options = TrainOptions(
        model=model,
        recipe=changed(
            RECIPES[recipe or ("fine-tune" if init else "small")],
            losses=loss or [],
            perceptual=perceptual is not None,
            steps=steps,
            minutes=minutes,
            batch=batch,
            accumulate=accumulate,
            crop=crop,
            rate=rate,
            validate_every=validate_every,
            augmentation=None if augment else Augmentation.none(),
        ),
        out=out,
        init=init,
        videos=videos,
        triplets=triplets,
        validate=validate,
        perceptual=perceptual,
        device=device,
        precision=precision,
        workers=workers,
        seed=seed,
        resume=resume,
    )
    with console.training_bar(shown=not as_json) as advance:
        show = partial(write_curves, options)
        result = train_network(options, advance, console.print_step, console.print_note, signals.stop, show)
    if as_json:
        console.print_json(asdict(result))
    else:
        console.print_done(_result_line(result))


def _result_line(result: TrainResult) -> str:
    return (
        f"{result.weights}: {result.steps} steps in {clock_time(result.seconds)}, validation {result.best:.2f} dB "
        f"at best, {result.first:.2f} dB before the first step, {result.blend:.2f} dB for a blend."
    )
