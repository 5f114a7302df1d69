"""Measure this program beside another one: both take turns on the same film, or on the same pair of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ifrplus_cli.frames.synthetic_scene import moving_scene
from ifrplus_cli.measure.generated_clip import CLIP_RATE, write_clip
from ifrplus_cli.measure.timing import Clock, Turns, neighbouring_pairs, take_turns
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.interpolator import Interpolator, LoadedModel, load_for_run, load_model
from ifrplus_cli.network.plan import plan_network
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import run_job
from ifrplus_cli.values import HALF
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.minterpolate import minterpolate

FILM_FRAMES = 25
PRESET = "veryfast"  # of the encoder in whole runs

Say = Callable[[str], None]
Size = tuple[int, int]  # width, height in pixels


@dataclass(frozen=True)
class Comparison:
    """Times of this program and another one.

    Attributes:
        other: ``minterpolate`` or ``rife``.
        what: what was timed: ``whole run``, with decoding and encoding, or ``made frame``, with its flow.
    """

    other: str
    what: str
    turns: Turns


def measure_beside(
    other: str, model: LoadedModel, size: Size, turns: int, folder: Path, say: Say, clock: Clock
) -> Comparison:
    """Let this program and another one take turns.

    Args:
        other: ``minterpolate``, which makes a film, or ``rife``, which makes frames in the engine of ``model``.
        folder: for films.
        clock: returns seconds.

    Raises:
        IfrplusError: if the other one can't be run.
    """
    say(f"beside {other}, in {turns} turns" if turns > 1 else f"beside {other}, once each")
    compare = {"minterpolate": _beside_minterpolate, "rife": _beside_rife}[other]
    return compare(model, size, turns, folder, clock)


def _beside_minterpolate(model: LoadedModel, size: Size, turns: int, folder: Path, clock: Clock) -> Comparison:
    film, made = write_clip(folder, size, FILM_FRAMES), folder / "beside.mp4"
    options = UpsampleOptions(encode=EncodeOptions(preset=PRESET))

    def ours() -> None:
        made.unlink(missing_ok=True)
        run_job(plan_job(probe(film), made, options), load_for_run(model.plan, model.weights_path))

    theirs = partial(minterpolate, film, folder / "minterpolate.mp4", 2 * CLIP_RATE, PRESET)
    return Comparison("minterpolate", "whole run", take_turns(ours, theirs, turns, clock))


def _beside_rife(model: LoadedModel, size: Size, turns: int, folder: Path, clock: Clock) -> Comparison:
    plan = model.plan
    rife = load_model(plan_network(MODELS["rife"], plan.engine, plan.device, (size[1], size[0]), [HALF]))

    def frames_by(with_model: LoadedModel) -> Iterator[object]:
        interpolate = Interpolator(with_model)
        for left, right in neighbouring_pairs(moving_scene(*size, 2)):
            yield interpolate(left, right, [HALF])

    ours, theirs = frames_by(model), frames_by(rife)
    for frames in (ours, theirs):
        next(frames)  # the first frame takes longer
    return Comparison("rife", "made frame", take_turns(partial(next, ours), partial(next, theirs), turns, clock))
