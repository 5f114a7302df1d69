"""The command line: options to an options value, one call, an exit code."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import asdict
from errno import ENOSPC, EPIPE
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ifrplus_cli import __version__
from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import (
    CutFill,
    DeinterlaceOption,
    DeviceOption,
    Doubt,
    DoubtOption,
    Duplicates,
    EndOption,
    EngineChoice,
    EngineOption,
    FactorOption,
    FlowScale,
    FpsOption,
    InputFpsOption,
    JsonOption,
    ModelChoice,
    ModelOption,
    Precision,
    PrecisionOption,
    Purpose,
    RecipeChoice,
    SoundChoice,
    Source,
    StartOption,
    Trainable,
    WeightsOption,
    parse_encoder_args,
    parse_sha256,
    parse_size,
    parse_tile,
)
from ifrplus_cli.commands.output_names import DEFAULT_NAME, is_folder, name_outputs
from ifrplus_cli.commands.telling import (
    download_line,
    planned_facts,
    readable,
    tell_bench,
    tell_check,
    tell_evaluation,
    tell_plans,
    tell_run,
    tell_weights,
    told_cost,
    versions,
    write_run_report,
)
from ifrplus_cli.errors import IfrplusError, OutputError, telling_of_memory
from ifrplus_cli.pipeline.malloc import keep_freed_memory
from ifrplus_cli.reports.format import clock_time
from ifrplus_cli.stopping import StoppedError, StopRequest
from ifrplus_cli.video.images import is_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ifrplus_cli.network.choose import Work
    from ifrplus_cli.network.interpolator import LoadedModel
    from ifrplus_cli.network.plan import NetworkOptions, NetworkPlan
    from ifrplus_cli.pipeline.job import Job, UpsampleOptions
    from ifrplus_cli.pipeline.run import Progress
    from ifrplus_cli.values import ClipInfo
    from ifrplus_cli.weights.download import DownloadOptions, Outcome

FAILED, INTERRUPTED = 1, 130
UNHEARD = (EPIPE, ENOSPC)  # whoever reads stdout has seen enough, or it goes to a disk that is full
_stop = StopRequest()

app = typer.Typer(
    help="Raise the frame rate of real video files with the IFR+ neural network.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"ifrplus {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def upsample(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...",
            help="The video to read, or several; a folder or a pattern for images.",
            readable=False,  # the program says it itself, as one failure among others
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The video to write; a folder for several; frames/%06d.png for images.",
            readable=False,
            show_default=False,
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="PATTERN", help="Names of files in a folder: {stem}, {suffix}, {number}.")
    ] = DEFAULT_NAME,
    factor: FactorOption = None,
    fps: FpsOption = None,
    input_fps: InputFpsOption = None,
    slow_motion: Annotated[
        bool, typer.Option("--slow-motion", help="Keep the rate: the film lasts RATIO times as long.")
    ] = False,
    audio: Annotated[SoundChoice, typer.Option(help="What becomes of the sound in slow motion.")] = SoundChoice.stretch,
    start: StartOption = None,
    end: EndOption = None,
    deinterlace: DeinterlaceOption = None,
    model: ModelOption = ModelChoice.auto,
    weights: WeightsOption = None,
    engine: EngineOption = EngineChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.auto,
    tile: Annotated[
        Any, typer.Option(parser=parse_tile, metavar="auto|off|WxH", help="Largest piece that is run at once.")
    ] = "auto",
    tile_overlap: Annotated[int, typer.Option(min=0, metavar="PIXELS", help="Overlap of tiles.")] = 128,
    flow_scale: Annotated[
        FlowScale, typer.Option(help="Size at which motion is sought: smaller finds larger motion, and is faster.")
    ] = FlowScale.auto,
    duplicates: Annotated[
        Duplicates, typer.Option(help="Repeated frames: keep them, or interpolate across them.")
    ] = Duplicates.keep,
    cuts: Annotated[bool, typer.Option("--cuts/--no-cuts", help="Hold frames across cuts.")] = True,
    cut_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="How unlike two frames of a cut are.", show_default=False)
    ] = None,
    cuts_in: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the cuts from this list.", show_default=False)
    ] = None,
    cuts_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the cuts as JSON.", show_default=False)
    ] = None,
    cut_fill: Annotated[CutFill, typer.Option(help="What fills the gap at a cut.")] = CutFill.hold,
    doubt: DoubtOption = Doubt.auto,
    purpose: Annotated[
        Purpose | None,
        typer.Option("--for", help="Settings by use: H.264, FFV1, ProRes, or a small H.264.", show_default=False),
    ] = None,
    codec: Annotated[str | None, typer.Option(metavar="ENCODER", help="ffmpeg's encoder.", show_default=False)] = None,
    crf: Annotated[
        float | None, typer.Option(min=0, max=63, help="Encoder quality, lower is better.", show_default=False)
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Encoder preset.", show_default=False)] = None,
    pix_fmt: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Pixel format to store.", show_default=False)
    ] = None,
    encoder_arg: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Further encoder option.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace OUT if it is there.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run of this command that did not end.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML report on the run.", show_default=False)
    ] = None,
    preview: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            max=60,
            metavar="SECONDS",
            help="Write only the busiest part, small, with the source beside it.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only notes and errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say what is chosen, and why.")] = False,
) -> None:
    """Make a film of a higher frame rate: same length, same sound, source frames untouched."""
    given = dict(locals())
    if len(sources) > 1 or (is_folder(output) and not is_sequence(sources[0])):
        _refuse(cuts_in or cuts_out, "--cuts-in, --cuts-out", "a list of cuts is of one film.")
        _refuse(report, "--report", "a report is on one film.")
        _upsample_each(name_outputs(sources, output, name), given)
        return
    source = sources[0]
    from ifrplus_cli.api import work_of
    from ifrplus_cli.files import check_place
    from ifrplus_cli.frames.cut_list import read_cuts
    from ifrplus_cli.frames.pairing import DEFAULT_CUT_THRESHOLD
    from ifrplus_cli.network.interpolator import load_for_run
    from ifrplus_cli.network.plan import NetworkOptions
    from ifrplus_cli.pipeline.cost import measure_cost
    from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
    from ifrplus_cli.video.encoders import EncodeOptions
    from ifrplus_cli.video.interlace import untangle
    from ifrplus_cli.video.probe import probe

    _refuse_contradictions(given)
    for path, option in ((cuts_out, "--cuts-out"), (report, "--report")):
        if path is not None:
            check_place(path, option, (source, output))
    clip = untangle(probe(source, input_fps), deinterlace.value if deinterlace else None)
    options = UpsampleOptions(
        factor=_factor(factor, fps),
        fps=fps,
        slow_motion=slow_motion,
        start=start,
        end=end,
        smooth_duplicates=duplicates is Duplicates.smooth,
        cut_threshold=(DEFAULT_CUT_THRESHOLD if cut_threshold is None else cut_threshold) if cuts else None,
        cuts=None if cuts_in is None else read_cuts(cuts_in, clip),
        cut_fill=cut_fill.value,
        doubt=doubt is Doubt.auto,
        encode=EncodeOptions(
            codec,
            crf,
            preset,
            pix_fmt,
            parse_encoder_args(encoder_arg or []),
            audio.value,
            purpose.value if purpose else None,
        ),
        overwrite=overwrite or dry_run or _agreed(source, output),
        resume=resume,
    )
    flow = None if flow_scale is FlowScale.auto else float(flow_scale.value)
    network_options = NetworkOptions(tile, tile_overlap, flow, precision.value)
    if preview is not None:

        def load(job: Job) -> LoadedModel:
            return load_for_run(
                _plan_network(work_of(job), engine, device, _named(model, weights), network_options), weights
            )

        _preview(clip, output, options, preview, load, as_json=as_json, quiet=quiet)
        return
    job = plan_job(clip, output, options)
    plan = _plan_network(work_of(job), engine, device, _named(model, weights), network_options)
    if dry_run:
        cost = measure_cost(clip, job, load_for_run(plan, weights))
        tell_plans(job, plan, cost, as_json=as_json)
        return
    _make_film(job, plan, given)


def _make_film(job: Job, plan: NetworkPlan, given: Mapping[str, Any]) -> None:
    """Do the job of ``upsample``, and tell what came of it, by its arguments."""
    from ifrplus_cli.frames.cut_list import write_cuts
    from ifrplus_cli.network.interpolator import load_for_run
    from ifrplus_cli.pipeline.resume import kept_for
    from ifrplus_cli.pipeline.run import run_job
    from ifrplus_cli.pipeline.run_record import RunRecord

    if given["verbose"]:
        tell_plans(job, plan, None, as_json=False)
    loaded = load_for_run(plan, given["weights"])
    if given["verbose"]:
        console.print_note(f"The weights are those of {loaded.weights_path}.")
    for note in (*plan.notes, *job.encode.notes):
        console.print_note(note)
    as_json, quiet, report = given["as_json"], given["quiet"], given["report"]
    record = None if report is None else RunRecord(job.clip.start, job.clip.pixel_format)
    try:
        with console.progress_bar(shown=not quiet and not as_json) as advance:
            summary = run_job(job, loaded, _told_of_stopping(advance), console.print_note, _stop, record)
    except Interrupted:
        raise Interrupted(kept_for(job.output)) from None
    if given["cuts_out"] is not None:
        write_cuts(given["cuts_out"], summary.cuts)
    if record is not None:
        write_run_report(report, job, loaded, summary, record)
    tell_run(job, loaded, summary, as_json=as_json, quiet=quiet)


def _preview(
    clip: ClipInfo,
    output: Path,
    options: UpsampleOptions,
    seconds: float,
    load: Callable[[Job], LoadedModel],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    from ifrplus_cli.pipeline.preview import make_preview
    from ifrplus_cli.reports.format import clock

    if not quiet and not as_json:
        console.print_step("The busiest part is sought.")
    with console.progress_bar(shown=not quiet and not as_json) as advance:
        shown = make_preview(clip, output, options, seconds, load, advance)
    if as_json:
        console.print_json({"input": str(clip.path), "output": str(output), **asdict(shown)})
    elif not quiet:
        where = "above" if shown.stacked else "on the left"
        console.print_done(
            f"{output}: {clock(shown.start)} to {clock(shown.end)}, the source {where}, "
            f"the result {'below' if shown.stacked else 'on the right'}; verified."
        )


def _refuse_contradictions(given: Mapping[str, Any]) -> None:
    """Wrong usage of ``upsample``, by its arguments."""
    _refuse(given["slow_motion"] and given["fps"], "--fps", "--slow-motion keeps the rate: give a --factor, not --fps.")
    _refuse(given["cuts_in"] and not given["cuts"], "--cuts-in", "--cuts-in and --no-cuts can't both be given.")
    alone = any(given[name] for name in ("report", "resume", "cuts_out", "dry_run"))
    _refuse(
        given["preview"] and alone, "--preview", "it writes no report, no list and no whole film: give it without them."
    )


def _refuse(contradiction: object, options: str, why: str) -> None:
    """Wrong usage, where options contradict each other."""
    if contradiction:
        raise typer.BadParameter(why, param_hint=options)


def _upsample_each(films: Sequence[tuple[Path, Path]], given: Mapping[str, Any]) -> None:
    """Upsample films one after the other, whatever becomes of each; the exit code tells if one failed.

    Raises:
        StoppedError: if a person wants no more.
    """
    failed = 0
    for source, output in films:
        try:
            upsample(**{**given, "sources": [source], "output": output})
        except StoppedError:
            raise
        except IfrplusError as error:
            failed += 1
            console.print_error(error)
            if given["as_json"]:
                console.print_json({"input": str(source), "error": error.message, "hint": error.hint})
    if failed:
        console.talk.print(f"[bold red]{failed} of {len(films)} films failed.[/]")
        raise typer.Exit(FAILED)


@app.command()
def info(
    source: Source,
    factor: FactorOption = None,
    fps: FpsOption = None,
    input_fps: InputFpsOption = None,
    model: ModelOption = ModelChoice.auto,
    engine: EngineOption = EngineChoice.auto,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Say what a video is, what would be done with it, and what that would cost on this machine."""
    from ifrplus_cli.api import work_of
    from ifrplus_cli.network.interpolator import load_for_run
    from ifrplus_cli.network.plan import NetworkOptions
    from ifrplus_cli.pipeline.cost import measure_cost
    from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
    from ifrplus_cli.reports.facts import describe_clip, describe_pictures
    from ifrplus_cli.video.probe import probe

    clip = probe(source, input_fps)
    options = UpsampleOptions(factor=_factor(factor, fps), fps=fps, overwrite=True)
    stem = "images" if is_sequence(source) else source.stem
    job = plan_job(clip, source.parent / f"{stem}-upsampled.mp4", options)
    if not as_json:
        console.print_facts(readable({**describe_clip(clip), **describe_pictures(clip)}), to_stdout=True)
    plan = _plan_network(work_of(job), engine, device, model, NetworkOptions())
    cost = measure_cost(clip, job, load_for_run(plan))
    planned = planned_facts(job, plan)
    if as_json:
        source_facts = {**describe_clip(clip), **describe_pictures(clip)}
        console.print_json({"source": source_facts, "plan": planned, "cost": cost and asdict(cost)})
        return
    sys.stdout.write("\nifrplus upsample would write\n")
    sys.stdout.flush()
    console.print_facts(readable(planned), to_stdout=True)
    if cost is not None:
        console.print_facts(told_cost(cost), to_stdout=True)


@app.command()
def check(
    source: Source,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML report with pictures.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare all of it, not only 20 seconds.")] = False,
    input_fps: InputFpsOption = None,
    deinterlace: DeinterlaceOption = None,
    doubt: DoubtOption = Doubt.auto,
    model: ModelOption = ModelChoice.auto,
    weights: WeightsOption = None,
    engine: EngineOption = EngineChoice.auto,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Measure quality on a clip: drop every second frame, make it again, and compare."""
    from ifrplus_cli.files import check_place
    from ifrplus_cli.measure.check import check_clip, dropped_frames
    from ifrplus_cli.network.choose import Work
    from ifrplus_cli.network.interpolator import load_model
    from ifrplus_cli.network.plan import NetworkOptions
    from ifrplus_cli.reports.check import build_report, describe_check
    from ifrplus_cli.reports.facts import describe_clip, describe_network
    from ifrplus_cli.reports.html import write_report
    from ifrplus_cli.video.interlace import untangle
    from ifrplus_cli.video.probe import probe

    if report is not None:
        check_place(report, "--report", (source,))
    clip = untangle(probe(source, input_fps), deinterlace.value if deinterlace else None)
    width, height = clip.upright_size
    work = Work((height, width), (Fraction(1, 2),), dropped_frames(clip, full=full))
    plan = _plan_network(work, engine, device, _named(model, weights), NetworkOptions())
    loaded = load_model(plan, weights)
    with console.count_bar("frames", shown=not as_json) as advance:
        result = check_clip(clip, loaded, full=full, doubt=doubt is Doubt.auto, progress=advance)
    network = {**describe_network(plan), "weights_sha256": loaded.weights_sha256}
    if report is not None:
        facts = {"Clip": readable(describe_clip(clip)), "Network": readable(network), "Versions": versions(plan)}
        write_report(build_report(result, facts), report)
    if as_json:
        told = {"versions": versions(plan), "source": describe_clip(clip), "network": network}
        console.print_json({**told, **describe_check(result), "report": report})
    else:
        tell_check(result, report)


@app.command("eval")
def evaluate(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="The folder of a data set, or a clip.", show_default=False)
    ],
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figures of every triplet.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write an HTML report with pictures of the worst ten.", show_default=False),
    ] = None,
    model: ModelOption = ModelChoice.auto,
    weights: WeightsOption = None,
    engine: EngineOption = EngineChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.auto,
    as_json: JsonOption = False,
) -> None:
    """Measure quality on a data set of triplets: the middle picture is made again, and compared."""
    from ifrplus_cli.datasets.layouts import LAYOUTS, find_dataset
    from ifrplus_cli.datasets.triplets import read_triplets
    from ifrplus_cli.files import check_place, write_whole
    from ifrplus_cli.measure.evaluate import evaluate_dataset
    from ifrplus_cli.network.choose import Work
    from ifrplus_cli.network.interpolator import load_model
    from ifrplus_cli.network.plan import NetworkOptions
    from ifrplus_cli.reports.evaluation import as_csv, build_report, describe_evaluation, remarks
    from ifrplus_cli.reports.facts import describe_network
    from ifrplus_cli.reports.html import write_report
    from ifrplus_cli.values import HALF

    wanted = [(path, option) for path, option in ((csv, "--csv"), (report, "--report")) if path is not None]
    for path, option in wanted:
        check_place(path, option)
    found = find_dataset(dataset)
    console.print_step(f"{found.path}: {LAYOUTS[found.layout]}, {found.count} triplets.")
    work = Work(next(read_triplets(found)).size, (HALF,), found.count)
    plan = _plan_network(work, engine, device, _named(model, weights), NetworkOptions(precision=precision.value))
    loaded = load_model(plan, weights)
    with console.count_bar("triplets", shown=not as_json) as advance:
        result = evaluate_dataset(found, loaded, advance)
    network = {**describe_network(plan), "weights_sha256": loaded.weights_sha256}
    if csv is not None:
        write_whole(csv, as_csv(result), "--csv")
    if report is not None:
        facts = {"Network": readable(network), "Versions": versions(plan)}
        write_report(build_report(result, plan.spec, facts), report)
    if as_json:
        told = {"versions": versions(plan), "network": network, **describe_evaluation(result, plan.spec)}
        console.print_json({**told, "csv": csv, "report": report})
        return
    tell_evaluation(result, plan.spec.name)
    console.print_points(remarks(result, plan.spec))
    for path, _ in wanted:
        console.print_done(str(path))


@app.command()
def train(
    videos: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Learn from these films, or from one film.", show_default=False),
    ] = None,
    triplets: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Learn from a data set of triplets, such as Vimeo-90K.", show_default=False
        ),
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Learn from generated motion.")] = False,
    validate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Validate on this data set.", show_default="a part that is held out"),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="For weights, checkpoints and curves.")] = Path(
        "training"
    ),
    model: Annotated[Trainable, typer.Option(help="The network.")] = Trainable.lite,
    init: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Begin from these weights: lite, or a file.", show_default=False),
    ] = None,
    recipe: Annotated[RecipeChoice, typer.Option(help="For a CPU, or as IFR+ was published.")] = RecipeChoice.small,
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the run.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Length of the run.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Crops at once.", show_default="the recipe's")] = None,
    accumulate: Annotated[int | None, typer.Option(min=1, help="Batches a step.", show_default="the recipe's")] = None,
    crop: Annotated[int | None, typer.Option(min=64, help="Pixels a side.", show_default="the recipe's")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Learning rate.", show_default="the recipe's")] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=WEIGHT", help="Weight of a loss, again for more.", show_default="the recipe's"),
    ] = None,
    augment: Annotated[bool, typer.Option("--augment/--no-augment", help="Change crops at random.")] = True,
    perceptual: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of VGG 16 and LPIPS for the perceptual loss.", show_default=False),
    ] = None,
    validate_every: Annotated[
        int | None, typer.Option(min=1, metavar="STEPS", help="Also for checkpoints.", show_default="the recipe's")
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.auto,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that prepare crops.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in FOLDER.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network, or fine-tune one on your own films."""
    from ifrplus_cli.network.device import quiet_mindspore
    from ifrplus_cli.training.augment import Augmentation
    from ifrplus_cli.training.recipe import RECIPES, changed
    from ifrplus_cli.training.run import TrainOptions, train_network

    _refuse(
        (videos is not None) + (triplets is not None) + synthetic != 1,
        "--videos",
        "give one of --videos, --triplets and --synthetic.",
    )
    _refuse(steps and minutes, "--minutes", "--steps and --minutes can't both be given.")
    quiet_mindspore()
    options = TrainOptions(
        model=model.value,
        recipe=changed(
            RECIPES[recipe.value],
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
        precision=precision.value,
        workers=workers,
        seed=seed,
        resume=resume,
    )
    with console.training_bar(shown=not as_json) as advance:
        result = train_network(options, advance, console.print_step, console.print_note, _stop)
    if as_json:
        console.print_json(asdict(result))
        return
    console.talk.print(
        f"[green]done:[/] {result.weights}: {result.steps} steps in {clock_time(result.seconds)}, validation "
        f"{result.best:.2f} dB at best, {result.first:.2f} dB before the first step, {result.blend:.2f} dB by a blend."
    )


@app.command()
def devices(as_json: JsonOption = False) -> None:
    """List devices, programs and weights on this machine."""
    from ifrplus_cli.network.devices import inventory
    from ifrplus_cli.video.ffmpeg import tool_version

    found = inventory()
    found["programs"] |= {name: tool_version(name) for name in ("ffmpeg", "ffprobe")}
    if as_json:
        console.print_json(found)
        return
    for title, states in found.items():
        sys.stdout.write(f"{title}\n")
        sys.stdout.flush()
        console.print_facts({f"  {name}": state for name, state in states.items()}, to_stdout=True)


@app.command()
def bench(
    device: DeviceOption = "auto",
    model: Annotated[
        list[ModelChoice] | None, typer.Option(help="The network, again for more.", show_default="auto")
    ] = None,
    size: Annotated[
        list[Any] | None,
        typer.Option(
            parser=parse_size, metavar="WxH", help="Size to measure, again for more.", show_default="448x256, 1920x1024"
        ),
    ] = None,
    engine: Annotated[
        list[EngineChoice] | None, typer.Option(help="What computes it, again for more.", show_default="auto")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Frames to time for each size.")] = 5,
    pipeline: Annotated[bool, typer.Option("--pipeline", help="Also upsample a generated clip of each size.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the seconds a made frame takes, beside the published ones, and the memory it needs."""
    from ifrplus_cli.measure.bench import DEFAULT_SIZES, BenchOptions, describe_bench, run_bench

    engines = tuple(choice.value for choice in engine or [EngineChoice.auto])
    models = tuple(choice.value for choice in model or [ModelChoice.auto])
    options = BenchOptions(device, models, engines, tuple(size or DEFAULT_SIZES), runs, pipeline)
    result = run_bench(options, say=console.print_step, note=console.print_note)
    if as_json:
        console.print_json(describe_bench(result))
    else:
        tell_bench(result)


@app.command("download-weights")
def download_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The weights, as --list shows them.")] = "ifrplus",
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="FOLDER", help="Where to put the file.", show_default="where it is found"),
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Take it from here.", show_default=False)] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Take it from this archive or file that is here.", show_default=False
        ),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(parser=parse_sha256, metavar="HEX", help="What the file must be.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Download again what is there.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="Say what there is, and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch published weights: checked, and continued where an earlier attempt stopped."""
    from ifrplus_cli.weights import download
    from ifrplus_cli.weights.manifest import MANIFEST, download_folder, weights_folders

    if list_all:
        tell_weights(as_json=as_json)
        return
    if name not in MANIFEST:
        raise typer.BadParameter(f"{name} is not one of {', '.join(MANIFEST)}.", param_hint="NAME")
    options = download.DownloadOptions(folder or download_folder(), url, sha256, force)
    try:
        if source is not None:
            outcome = download.install_weights(MANIFEST[name], source, options)
        else:
            outcome = _download(name, options, shown=not as_json)
    except Interrupted:
        raise Interrupted("nothing new was put in place; run the same command again to go on.") from None
    if as_json:
        console.print_json(asdict(outcome))
        return
    console.talk.print(download_line(outcome), markup=False)
    if outcome.fresh:
        console.print_note(f"Licence: {MANIFEST[name].licence}.")
    if options.folder.resolve() not in [searched.resolve() for searched in weights_folders()]:
        console.print_note(f"Give it with --weights {outcome.path}, for this folder is not searched.")


def _download(name: str, options: DownloadOptions, *, shown: bool) -> Outcome:
    from ifrplus_cli.weights.download import download_weights
    from ifrplus_cli.weights.manifest import MANIFEST

    with console.transfer_bar(shown=shown) as advance:
        return download_weights(MANIFEST[name], options, advance, console.print_note)


def _factor(factor: Fraction | None, fps: Fraction | None) -> Fraction:
    """The factor that was asked for, or the usual one."""
    if factor is not None and fps is not None:
        raise typer.BadParameter("--factor and --fps can't both be given.", param_hint="--fps")
    return Fraction(2) if factor is None else factor


def _agreed(source: Path, output: Path) -> bool:
    """Ask a person at a terminal whether an existing output may go; without one the answer is no."""
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    try:
        if not output.is_file() or (source.exists() and output.samefile(source)):
            return False
    except OSError:  # such as a name that is too long: planning the run says so
        return False
    return typer.confirm(f"{output} is there already. Overwrite it?", err=True)


def _plan_network(
    work: Work, engine: EngineChoice, device: str, model: ModelChoice, options: NetworkOptions
) -> NetworkPlan:
    """Choose engine, device and network, and how it is run on the pictures."""
    from ifrplus_cli.api import plan_model

    return plan_model(work, model.value, engine.value, device, options, console.print_note)


def _named(model: ModelChoice, weights: Path | None) -> ModelChoice:
    """The network that was asked for; weights that a person gives without one are lite's."""
    return ModelChoice.lite if weights and model is ModelChoice.auto else model


def _told_of_stopping(advance: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Also says, once, that the run is about to end; a signal may come at a moment at which nothing can be written."""
    told = False

    def advance_and_tell(progress: Progress) -> None:
        nonlocal told
        if _stop.asked and not told:
            told = True
            console.print_note("The segment in progress is finished first. Ctrl-C again stops at once, without it.")
        advance(progress)

    return advance_and_tell


class Interrupted(BaseException):
    """The person pressed Ctrl-C, or the system asked the program to end."""


def main() -> None:
    """Run the command line and turn the outcome into an exit code; the parser itself exits on wrong usage."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    keep_freed_memory()
    _open_closed_streams()
    try:
        with telling_of_memory():
            app()
        sys.stdout.flush()
    except (Interrupted, StoppedError) as interruption:
        console.talk.print(f"[yellow]interrupted:[/] {str(interruption) or 'nothing was written.'}")
        sys.exit(INTERRUPTED)
    except IfrplusError as error:
        if os.environ.get("IFRPLUS_DEBUG"):
            raise
        console.print_error(error)
        sys.exit(FAILED)
    except OSError as error:
        if error.errno not in UNHEARD:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno != EPIPE:
            full = OutputError("The disk is full.", "Free some space, also where stdout goes.")
            console.print_error(full)
        sys.exit(FAILED)


def _open_closed_streams() -> None:
    """Whoever started the program may have closed its streams; no file may take their numbers, here or in ffmpeg."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free
    nowhere = Path(os.devnull).open("r+")  # noqa: SIM115 - as long as the program runs
    sys.stdin, sys.stdout, sys.stderr = sys.stdin or nowhere, sys.stdout or nowhere, sys.stderr or nowhere


def _interrupt(*_: object) -> None:
    if _stop.deferred and not _stop.asked:
        _stop.asked = True
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a second one must not cut the clean-up short
    raise Interrupted
