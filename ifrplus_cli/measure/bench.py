"""Measure the time of a made frame on this machine, beside published figures, and that of each stage of a whole run."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice, product
from multiprocessing.connection import Connection
from pathlib import Path

import cv2

from ifrplus_cli.errors import IfrplusError, ModelError
from ifrplus_cli.frames.synthetic_scene import moving_scene
from ifrplus_cli.measure.beside import PRESET, Comparison, measure_beside
from ifrplus_cli.measure.generated_clip import write_clip
from ifrplus_cli.measure.timing import Clock, Spread, neighbouring_pairs, seconds_of
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.choose import Work, choose_model, operations
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.network.engine import (
    GIGA,
    choose_engine,
    engine_version,
    measure_convolution,
    peak_device_memory_mb,
    thread_count,
)
from ifrplus_cli.network.interpolator import Batch, Interpolator, LoadedModel, load_for_run, load_model
from ifrplus_cli.network.plan import NetworkOptions, pairs_at_once, plan_network
from ifrplus_cli.network.request import Precision
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import Hooks, RunProgress, run_job
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.system import keep_freed_memory, peak_memory_mb, without_interrupts
from ifrplus_cli.values import Image
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.weights.manifest import find_weights

Size = tuple[int, int]  # width, height in pixels
Say = Callable[[str], None]

DEFAULT_SIZES: tuple[Size, ...] = ((448, 256), (1920, 1024))
# Seconds per frame of the full network IFR+ on one Ascend 910A at batch size 1, as published by its authors.
PUBLISHED_SECONDS: dict[Size, float] = {(448, 256): 0.15, (1920, 1024): 2.00}
PUBLISHED_SETTING = "the full network IFR+ on one Ascend 910A, batch 1"
MIDDLE = Fraction(1, 2)
FEWEST_FRAMES, MOST_FRAMES, RUN_SECONDS = 13, 241, 30.0  # of a generated clip; its length aims at this many seconds
FRAMES_ALONE = 5  # frames that are timed before a whole run, and after it
FRAMES_A_WORD = 6  # output frames of a whole run between two progress messages


@dataclass(frozen=True)
class BenchOptions:
    """The user's choices for a measurement.

    Attributes:
        models: networks to measure.
        engines: engines to measure, as in ``choose_engine``.
        precision: as in ``NetworkOptions``.
        runs: made frames that are timed for each size, after the first one, which compiles.
        pipeline: whether to upsample a generated clip of each size as well.
        beside: other programs with which each size is compared; see ``measure_beside``.
    """

    device: str = "auto"
    models: tuple[str, ...] = ("auto",)
    engines: tuple[str, ...] = ("auto",)
    precision: Precision = "auto"
    sizes: tuple[Size, ...] = DEFAULT_SIZES
    runs: int = 5
    pipeline: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrameTimes:
    """The times of a made frame.

    Attributes:
        first: seconds of the network for the first frame: it is compiled, then run.
        network: seconds of the network for each later frame.
        prior: seconds of the classical flow from which the network starts; None for a network without prior.
        whole: seconds of the whole interpolation: flow, padding and tiles, network, merging.
    """

    first: float
    network: Spread
    prior: Spread | None
    whole: Spread


@dataclass(frozen=True)
class PipelineTimes:
    """The times of a whole run.

    Attributes:
        seconds: of the run, from opening the clip to verifying the result.
        ratio: ``seconds`` divided by the time that the made frames take by themselves, one after the other.
        stages: seconds that each stage worked, ``network`` among them; stages work at the same time.
    """

    frames_in: int
    frames_made: int
    seconds: float
    ratio: float
    stages: dict[str, float]


@dataclass(frozen=True)
class SizeResult:
    """The measurements at one size, made in a separate process.

    Attributes:
        network: name of the network.
        weights_sha256: of its weights.
        engine: ``mindspore`` or ``onnx``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        tiles: number and size of the tiles in which the picture is run.
        convolution_gflops: billions of operations per second in a large 3x3 convolution, by the same engine.
        share_of_convolution: share of that rate that the network reaches in its own convolutions.
        peak_memory_mb: peak memory of the process until the last frame, with Python, MindSpore and two pictures.
        device_memory_mb: peak memory of tensors on the accelerator; 0 on the CPU.
        published_seconds: of the full network at this size; None if no figure was published for the size.
    """

    width: int
    height: int
    network: str
    weights_sha256: str
    engine: str
    precision: str
    tiles: str
    times: FrameTimes
    convolution_gflops: float
    share_of_convolution: float
    peak_memory_mb: float
    device_memory_mb: float
    published_seconds: float | None
    pipeline: PipelineTimes | None
    beside: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class BenchResult:
    """All measurements, and their setting: device, versions, threads, processor."""

    setting: dict[str, str]
    sizes: tuple[SizeResult, ...]


Measured = tuple[dict[str, str], SizeResult]  # the setting, and the measurements


def run_bench(options: BenchOptions, say: Say, note: Say) -> BenchResult:
    """Measure every size, network and engine in a separate process, so that each has its own peak of memory.

    Args:
        options: the user's choices.
        say: called with progress messages.
        note: called with messages for the user, such as an accelerator that exists but can't be used.

    Raises:
        IfrplusError: if the device or the weights can't be used, or there is not enough memory.
    """
    for name in (*options.models, *options.beside):  # before anything is measured
        if name in MODELS and find_weights(MODELS[name].weights) is None:
            raise ModelError(f"The weights {name} were not found.", f"Run ifrplus download-weights {name}.")
    setting: dict[str, str] = {}
    results: list[SizeResult] = []
    for size, model, engine in product(options.sizes, options.models, options.engines):
        is_first = not results
        found, result = _in_own_process(size, model, engine, options, say, note if is_first else lambda _: None)
        setting |= found
        results.append(result)
    return BenchResult(setting, tuple(results))


def measure_frame(
    model: LoadedModel,
    pair: tuple[Image, Image],
    runs: int,
    *,
    say: Say,
    clock: Clock = time.perf_counter,
) -> FrameTimes:
    """Make the middle frames of 1 + ``runs`` neighbouring pairs of a film that goes to and fro between two images.

    Args:
        model: the loaded network.
        pair: two float32 H x W x 3 RGB images.
        runs: number of frames that are timed after the first one.
        say: called with progress messages.
        clock: returns seconds.
    """
    timed = _Timed(model, clock)
    new = partial(Interpolator, timed.model)  # it has seen no pair
    interpolate, pairs = new(), neighbouring_pairs(pair)
    say("first frame, with compilation")
    interpolate(*next(pairs), [MIDDLE])
    first = timed.take()
    network, whole, prior = [], [], []
    for run, (left, right) in enumerate(islice(pairs, runs), 1):
        whole.append(seconds_of(partial(interpolate, left, right, [MIDDLE]), clock))
        network.append(timed.take())
        if model.plan.spec.uses_prior:
            prior.append(seconds_of(lambda: new().paths(*pair).at(float(MIDDLE)), clock))
        say(f"frame {run} of {runs}: {whole[-1]:.3g} s")
    return FrameTimes(first, Spread.of(network), Spread.of(prior) if prior else None, Spread.of(whole))


def measure_pipeline(
    model: LoadedModel, size: Size, measure_alone: Callable[[], float], folder: Path, say: Say
) -> PipelineTimes:
    """Upsample a generated H.264 clip to twice its rate, with a network that is already compiled.

    Args:
        measure_alone: measures the seconds that a made frame takes by itself; called before and after the run, because
            the speed of a machine changes.
        folder: for the clip and the result.
    """

    def advance(run: RunProgress) -> None:
        if run.done % FRAMES_A_WORD == 0:
            say(f"whole run: {run.done} of {run.expected} frames written")

    timed = _Timed(model, time.perf_counter)
    before = measure_alone()
    say("whole run of a generated clip")
    frames = min(max(round(RUN_SECONDS / before), FEWEST_FRAMES), MOST_FRAMES)
    clip = probe(write_clip(folder, size, frames))
    options = UpsampleOptions(encode=EncodeOptions(preset=PRESET))
    summary = run_job(plan_job(clip, folder / "result.mp4", options), timed.model, Hooks(advance))
    spent, network = summary.stage_seconds, timed.take()
    stages = {
        "decode": spent["decode"],
        "colour": spent["colour"],
        "flow": spent["flow"],
        "tiles": spent["network"] - network,
        "network": network,
        "encode": spent["encode"],
    }
    ratio = summary.seconds / (summary.frames_made * statistics.mean([before, measure_alone()]))
    return PipelineTimes(summary.frames_in, summary.frames_made, summary.seconds, ratio, stages)


class _Timed:
    """A model whose network records how long it works, with the part of it that sees one frame alone.

    Attributes:
        model: the same model, timed.
    """

    def __init__(self, model: LoadedModel, clock: Clock) -> None:
        self._stages = StageClock(clock)
        encode = self._timed(model.encode) if model.encode else None
        self.model = replace(model, network=self._timed(model.network), encode=encode)

    def _timed(self, compute: Callable[..., Batch]) -> Callable[..., Batch]:
        def work(*arrays: Batch) -> Batch:
            with self._stages("network"):
                return compute(*arrays)

        return work

    def take(self) -> float:
        """Return the seconds since the last call, and reset them."""
        return self._stages.seconds.pop("network", 0.0)


def _in_own_process(size: Size, model: str, engine: str, options: BenchOptions, say: Say, note: Say) -> Measured:
    """Run ``_measure_size`` in a new process, and pass on its messages and result."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="ifrplus-", ignore_cleanup_errors=True) as folder:
        process = spawn.Process(target=_tell, args=(there, size, model, engine, options, Path(folder)))
        try:
            with without_interrupts():  # this process receives Ctrl-C, and ends the other one
                process.start()
            there.close()
            return _listen(here, size, say, note)
        except EOFError:
            process.join()
            killed = (process.exitcode or 0) < 0
            raise ModelError(
                f"The measurement of {_text(size)} ended early (exit code {process.exitcode}).",
                "Memory may have run out: choose a smaller --size." if killed else "What is printed above says why.",
            ) from None
        finally:
            process.kill()
            process.join()


def _listen(here: Connection, size: Size, say: Say, note: Say) -> Measured:
    while True:
        kind, content = here.recv()
        if kind == "measured":
            measured: Measured = content
            return measured
        if kind == "failed":
            raise content
        (note if kind == "note" else say)(content if kind == "note" else f"{_text(size)}: {content}")


def _tell(there: Connection, size: Size, model: str, engine: str, options: BenchOptions, folder: Path) -> None:
    """Measure, and send messages, notes, and finally the measurements or an error."""
    keep_freed_memory()
    try:
        measured = _measure_size(
            size,
            model,
            engine,
            options,
            folder,
            say=lambda text: there.send(("say", text)),
            note=lambda text: there.send(("note", text)),
        )
        there.send(("measured", measured))
    except IfrplusError as error:
        there.send(("failed", error))
    except (MemoryError, cv2.error) as error:
        if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
            raise
        there.send(("failed", ModelError(f"Memory ran out at {_text(size)}.", "Choose a smaller --size.")))


def _measure_size(
    size: Size, name: str, wanted: str, options: BenchOptions, folder: Path, say: Say, note: Say
) -> Measured:
    width, height = size
    engine, chosen, _ = choose_engine(wanted, options.device, name, note)
    spec, _ = choose_model(name, engine, chosen, Work((height, width), (MIDDLE,), 1 + options.runs))
    precision = NetworkOptions(precision=options.precision)
    plan = plan_network(spec, engine, chosen, (height, width), [MIDDLE], precision)
    model = load_model(plan)
    left, right = moving_scene(width, height, 2)
    times = measure_frame(model, (left, right), options.runs, say=say)
    memory = peak_memory_mb() or 0.0
    rate = measure_convolution(engine, chosen)
    tile_height, tile_width = plan.tiles.tile_size
    result = SizeResult(
        width=width,
        height=height,
        network=spec.name,
        weights_sha256=model.weights_sha256,
        engine=engine.name,
        precision=plan.precision,
        tiles=f"{plan.tiles.count} of {tile_width}x{tile_height}",
        times=times,
        convolution_gflops=rate,
        share_of_convolution=operations(plan) / GIGA / times.network.median / rate,
        peak_memory_mb=memory,
        device_memory_mb=peak_device_memory_mb(engine),
        published_seconds=PUBLISHED_SECONDS.get(size),
        pipeline=_measure_run(model, size, (left, right), folder, say) if options.pipeline else None,
        beside=tuple(
            measure_beside(other, model, size, options.runs, folder, say, time.perf_counter) for other in options.beside
        ),
    )
    setting = {
        "device": str(chosen),
        **engine_version(engine),
        "threads": str(thread_count(engine)),
        **this_machine().facts(),
    }
    return setting, result


def _measure_run(model: LoadedModel, size: Size, pair: tuple[Image, Image], folder: Path, say: Say) -> PipelineTimes:
    """Measure a whole run, and frames that are made one after the other."""
    more = pairs_at_once(model.plan) > model.at_once
    in_run = load_for_run(model.plan, model.weights_path) if more else model  # this one may be compiled already

    def measure_alone() -> float:
        say(f"{FRAMES_ALONE} frames by themselves")
        return measure_frame(model, pair, FRAMES_ALONE, say=lambda _: None).whole.median

    return measure_pipeline(in_run, size, measure_alone, folder, say)


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
