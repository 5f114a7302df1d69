"""``ifrplus info``: what a video is, and what upsampling it would cost."""

from __future__ import annotations

from ifrplus_cli.commands import console, pipes
from ifrplus_cli.commands.options import (
    DeviceOption,
    EngineOption,
    FactorOption,
    FpsOption,
    InputFpsOption,
    JsonOption,
    ModelOption,
    SourceArgument,
    usage_errors,
)
from ifrplus_cli.pipeline.request import UpsampleRequest


def info(
    source: SourceArgument,
    factor: FactorOption = None,
    fps: FpsOption = None,
    input_fps: InputFpsOption = None,
    model: ModelOption = "auto",
    engine: EngineOption = "auto",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Show the properties of a video, what upsample would write, and what that would cost on this machine."""
    from ifrplus_cli.pipeline.films import try_film
    from ifrplus_cli.reports.facts import cost_facts, describe_clip, describe_cost, describe_pictures, describe_plan
    from ifrplus_cli.reports.format import readable

    with usage_errors():
        request = UpsampleRequest(
            factor=factor, fps=fps, input_fps=input_fps, model=model, engine=engine, device=device
        )
    with pipes.received(source, source, console.print_step) as file:
        trial = try_film(file, request, console.print_note)
        facts = {**describe_clip(trial.clip), **describe_pictures(trial.clip), "file": str(source)}
    plan = describe_plan(trial.job, trial.network)
    if as_json:
        console.print_json({"source": facts, "plan": plan, **cost_facts(trial.cost, trial.failure)})
        return
    console.print_facts(readable(facts), to_stdout=True)
    console.print_line("\nifrplus upsample would write")
    console.print_facts(readable(plan), to_stdout=True)
    if trial.cost is not None:
        console.print_facts(describe_cost(trial.cost), to_stdout=True)
    if trial.failure is not None:
        console.print_note(trial.failure)
