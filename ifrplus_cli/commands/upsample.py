"""``ifrplus upsample``: films at a higher frame rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ifrplus_cli.commands import console, pipes, signals
from ifrplus_cli.commands.help_pages import refuse_missing
from ifrplus_cli.commands.options import (
    DeinterlaceOption,
    DeviceOption,
    EngineOption,
    FactorOption,
    FpsOption,
    InputFpsOption,
    JsonOption,
    ModelOption,
    PrecisionOption,
    WeightsOption,
    parse_encoder_arg,
    parse_moment,
    parse_tile,
    refuse,
    usage_errors,
)
from ifrplus_cli.commands.output_names import DEFAULT_NAME, is_folder, name_outputs
from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.network.request import DEFAULT_OVERLAP, FlowScale
from ifrplus_cli.pipeline.pipes import is_pipe
from ifrplus_cli.pipeline.request import Audio, CutFill, Duplicates, Purpose, UpsampleRequest
from ifrplus_cli.stopping import StoppedError
from ifrplus_cli.video.formats.images import is_sequence

if TYPE_CHECKING:
    from ifrplus_cli.network.interpolator import LoadedModel
    from ifrplus_cli.network.plan import NetworkPlan
    from ifrplus_cli.pipeline.films import Advance, Films, FinishedFilm, Listener, Trial
    from ifrplus_cli.pipeline.job import Job
    from ifrplus_cli.pipeline.preview import Preview

FAILED = 1  # exit code


def upsample(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IN...",
            help="Input video, or several; a folder or a pattern for an image sequence; - for standard input.",
            readable=False,  # a file that can't be read is one failure among others
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="Output video; a folder for several; frames/%06d.png for an image sequence; - for standard output.",
            readable=False,
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="PATTERN", help="File names in an output folder: {stem}, {suffix}, {number}.")
    ] = DEFAULT_NAME,
    factor: FactorOption = None,
    fps: FpsOption = None,
    input_fps: InputFpsOption = None,
    slow_motion: Annotated[
        bool, typer.Option("--slow-motion", help="Keep the frame rate: the film lasts RATIO times as long.")
    ] = False,
    loop: Annotated[
        bool, typer.Option("--loop", help="Also make the frames from the last one back to the first.")
    ] = False,
    audio: Annotated[
        Audio, typer.Option(help="Audio in slow motion: stretch it, drop it, or keep its speed.")
    ] = "stretch",
    start: Annotated[
        Any,
        typer.Option(
            parser=parse_moment,
            metavar="TIME",
            help="Start here: seconds, 1:02:03.25, or a frame number, 120f.",
            show_default=False,
        ),
    ] = None,
    end: Annotated[
        Any,
        typer.Option(
            parser=parse_moment, metavar="TIME", help="End before this time or frame number.", show_default=False
        ),
    ] = None,
    deinterlace: DeinterlaceOption = None,
    model: ModelOption = "auto",
    weights: WeightsOption = None,
    engine: EngineOption = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    tile: Annotated[Any, typer.Option(parser=parse_tile, metavar="auto|off|WxH", help="Maximum tile size.")] = "auto",
    tile_overlap: Annotated[
        int, typer.Option(min=0, metavar="PIXELS", help="Minimum overlap of tiles.")
    ] = DEFAULT_OVERLAP,
    flow_scale: Annotated[
        FlowScale,
        typer.Option(help="Scale of motion estimation: a smaller one is faster and finds larger motion."),
    ] = "auto",
    duplicates: Annotated[
        Duplicates, typer.Option(help="Repeated frames: keep them, or interpolate across them.")
    ] = "keep",
    cuts: Annotated[bool, typer.Option("--cuts/--no-cuts", help="Detect cuts, and hold frames across them.")] = True,
    cut_threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Score above which two frames count as a cut.", show_default="0.8"),
    ] = None,
    cuts_in: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the cuts from this list.", show_default=False)
    ] = None,
    cuts_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a list of the cuts as JSON.", show_default=False)
    ] = None,
    cut_fill: Annotated[CutFill, typer.Option(help="Frames at a cut: hold the one before it, or blend both.")] = "hold",
    purpose: Annotated[
        Purpose | None,
        typer.Option("--for", help="Encoder preset by use: H.264, FFV1, ProRes, or a small H.264.", show_default=False),
    ] = None,
    codec: Annotated[str | None, typer.Option(metavar="ENCODER", help="ffmpeg encoder.", show_default=False)] = None,
    crf: Annotated[
        float | None, typer.Option(min=0, max=63, help="Encoder quality; lower is better.", show_default=False)
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Encoder preset.", show_default=False)] = None,
    pix_fmt: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Pixel format of the output.", show_default=False)
    ] = None,
    encoder_args: Annotated[
        list[Any] | None,
        typer.Option(
            "--encoder-arg",
            parser=parse_encoder_arg,
            metavar="KEY=VALUE",
            help="Extra encoder option; repeatable.",
            show_default=False,
        ),
    ] = None,
    container: Annotated[
        pipes.PipeContainer | None, typer.Option(help="Container of OUT -: matroska by default.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace OUT if it exists.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of this command.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML report on the run.", show_default=False)
    ] = None,
    preview: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            max=60,
            metavar="SECONDS",
            help="Write only the section with the most motion, small, next to the source.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and its estimated cost, and exit.")] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="local[:N]|ADDRESS",
            help="Make the film on N workers of this machine, or on those of the Dask scheduler at tcp://host:8786.",
            show_default=False,
        ),
    ] = None,
    ship: Annotated[
        bool, typer.Option("--ship", help="With --cluster: send the source to the workers, piece by piece.")
    ] = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only notes and errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print what is chosen, and why.")] = False,
) -> None:
    """Raise the frame rate of a video: same length, same sound, source frames untouched."""
    if not sources or output is None:
        missing = "IN and OUT are" if output is None else "OUT is"  # a single path is taken for OUT
        refuse_missing(missing, "upsample")
    _check_pipes(sources, output, container, writes_json=as_json and not dry_run, resume=resume)
    several = len(sources) > 1 or (is_folder(output) and not is_sequence(sources[0]))
    refuse(several and (cuts_in or cuts_out), "--cuts-in, --cuts-out", "a list of cuts is for one film only.")
    refuse(several and report, "--report", "a report is for one film only.")
    refuse(not several and name != DEFAULT_NAME, "--name", "it is for an output folder, which must exist for one film.")
    with usage_errors():
        request = UpsampleRequest(
            factor=factor,
            fps=fps,
            input_fps=input_fps,
            slow_motion=slow_motion,
            loop=loop,
            audio=audio,
            start=start,
            end=end,
            deinterlace=deinterlace,
            model=model,
            weights=weights,
            engine=engine,
            device=device,
            precision=precision,
            tile=tile,
            tile_overlap=tile_overlap,
            flow_scale=flow_scale,
            duplicates=duplicates,
            cuts=cuts,
            cut_threshold=cut_threshold,
            cuts_in=cuts_in,
            cuts_out=cuts_out,
            cut_fill=cut_fill,
            purpose=purpose,
            codec=codec,
            crf=crf,
            preset=preset,
            pix_fmt=pix_fmt,
            encoder_args=tuple(encoder_args or ()),
            overwrite=overwrite,
            resume=resume,
            report=report,
            preview=preview,
            dry_run=dry_run,
            cluster=cluster,
            ship=ship,
        )
    from ifrplus_cli.api import films_for

    piped = is_pipe(output)
    display = _Display(as_json, quiet, verbose, report, needs_reader=piped and not dry_run)
    # What is kept for a file in a pipe would be lost with it: the run ends at once, and keeps nothing.
    films = films_for(request, display.listener(), None if piped else signals.stop, keeps_frames=not piped)
    if several:
        _make_all(films, name_outputs(sources, output, name), display)
    else:
        _make(films, sources[0], output, display, container or "matroska")


def _check_pipes(
    sources: list[Path], output: Path, container: pipes.PipeContainer | None, *, writes_json: bool, resume: bool
) -> None:
    """Report what standard input and output can't do as wrong usage."""
    piped, from_pipe = is_pipe(output), any(map(is_pipe, sources))
    refuse(from_pipe and len(sources) > 1, "IN", "- is standard input, which can't be one of several films.")
    refuse(from_pipe and is_folder(output), "OUT", "a film from standard input has no name: give OUT a file name.")
    refuse(piped and len(sources) > 1, "OUT", "- is standard output, which takes one film.")
    refuse(piped and writes_json, "--json", "standard output carries the film: give OUT a name, or leave --json out.")
    refuse(piped and resume, "--resume", "nothing is kept of a film for standard output: give OUT a name.")
    refuse(container and not piped, "--container", "it is for OUT -; the name of a file says its container.")


@dataclass(frozen=True)
class _Display:
    """How much of a run is printed, and in which form.

    Attributes:
        report: the file of the report on the run.
        needs_reader: whether the film goes to standard output, whose reader must not end before the run does.
    """

    as_json: bool
    quiet: bool
    verbose: bool
    report: Path | None = None
    needs_reader: bool = False

    @property
    def talks(self) -> bool:
        """Whether progress and results are printed for people."""
        return not self.as_json and not self.quiet

    def listener(self) -> Listener:
        """Return a listener that prints what happens while films are made."""
        from ifrplus_cli.pipeline.films import Listener

        return Listener(
            note=console.print_note,
            step=lambda text: console.print_step(text) if self.talks else None,
            planned=lambda job, network: _print_plan(job, network) if self.verbose else None,
            loaded=lambda model: _print_weights(model) if self.verbose else None,
            progress=self.bar,
            may_replace=console.agrees_to_replace,
        )

    @contextmanager
    def bar(self) -> Iterator[Advance]:
        """Show the progress of one film."""
        with console.progress_bar(shown=self.talks) as advance:
            noting = signals.noting_a_stop(advance, console.print_note)
            yield pipes.minding_the_reader(noting) if self.needs_reader else noting


def _make_all(films: Films, named: list[tuple[Path, Path]], display: _Display) -> None:
    """Make films one after the other, also if one of them fails.

    Raises:
        typer.Exit: at the end, if one has failed.
        StoppedError: if a person has asked for an end.
    """
    failed = 0
    for source, output in named:
        try:
            _make(films, source, output, display)
        except StoppedError:
            raise
        except IfrplusError as error:
            failed += 1
            console.print_error(error)
            if display.as_json:
                console.print_json({"input": str(source), **console.failure_facts(error, FAILED)})
    if failed:
        console.print_failures(failed, len(named))
        raise typer.Exit(FAILED)


def _make(
    films: Films, source: Path, output: Path, display: _Display, container: pipes.PipeContainer = "matroska"
) -> None:
    """Make one film, and print the result."""
    from ifrplus_cli.api import make_film
    from ifrplus_cli.pipeline.films import FinishedFilm, Trial

    step = display.listener().step
    with (
        pipes.sent(output, container, writes=not films.request.dry_run) as target,
        pipes.received(source, output, step) as file,
    ):
        made = make_film(films, file, target)
    if isinstance(made, FinishedFilm):
        _print_film(made, source, output, display)
    elif isinstance(made, Trial):
        _print_trial(made, source, output, display)
    else:
        _print_preview(made, source, output, display)


def _print_film(film: FinishedFilm, source: Path, output: Path, display: _Display) -> None:
    from ifrplus_cli.reports.next_steps import done_to, next_steps
    from ifrplus_cli.reports.upsample import describe_run, run_line

    for note in film.summary.notes[len(film.job.encode.notes) :]:  # those of the plan were printed before the run
        console.print_note(note)
    if display.as_json:
        console.print_json({**describe_run(film), "input": str(source)})
    elif not display.quiet:
        console.print_done(run_line(film, pipes.name_of(output)))
        console.print_plain(f"      {done_to(film)}")
        for sentence in next_steps(film):
            console.print_next(sentence)
        if display.report is not None:
            console.print_done(f"{display.report}: what the run did, with pictures.")


def _print_trial(trial: Trial, source: Path, output: Path, display: _Display) -> None:
    from ifrplus_cli.reports.facts import cost_facts, describe_clip, describe_cost, describe_plan
    from ifrplus_cli.reports.format import readable

    clip, plan = describe_clip(trial.job.clip), describe_plan(trial.job, trial.network)
    clip |= {"file": str(source)} if is_pipe(source) else {}
    plan |= {"file": str(output)} if is_pipe(output) else {}
    if display.as_json:
        console.print_json({"source": clip, "plan": plan, **cost_facts(trial.cost, trial.failure)})
        return
    console.print_facts(readable(clip))
    console.print_facts(readable(plan))
    if trial.cost is not None:
        console.print_facts(describe_cost(trial.cost))
    if trial.failure is not None:
        console.print_note(trial.failure)


def _print_plan(job: Job, network: NetworkPlan) -> None:
    from ifrplus_cli.reports.facts import describe_clip, describe_plan
    from ifrplus_cli.reports.format import readable

    console.print_facts(readable(describe_clip(job.clip)))
    console.print_facts(readable(describe_plan(job, network)))


def _print_weights(model: LoadedModel) -> None:
    console.print_note(f"The weights are from {model.weights_path}.")


def _print_preview(preview: Preview, source: Path, output: Path, display: _Display) -> None:
    from ifrplus_cli.reports.format import clock

    if display.as_json:
        console.print_json({"input": str(source), "output": str(output), **asdict(preview)})
    elif not display.quiet:
        places = ("above", "below") if preview.stacked else ("on the left", "on the right")
        console.print_done(
            f"{pipes.name_of(output)}: {clock(preview.start)} to {clock(preview.end)}, the source {places[0]}, "
            f"the result {places[1]}; verified."
        )
