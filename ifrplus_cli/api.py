"""What a Python program may call; ``ifrplus_cli`` hands these functions on when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ifrplus_cli.frames.timeline import timesteps
from ifrplus_cli.network import interpolator
from ifrplus_cli.network.choose import SMALLEST, Work, choose_model
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.plan import NetworkOptions, NetworkPlan, plan_network
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import Progress, Summary, run_job
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.interlace import untangle
from ifrplus_cli.video.probe import probe as probe_clip


def probe(path: str | Path, input_fps: Fraction | float | None = None) -> ClipInfo:
    """What a film is; nothing is decoded.

    Args:
        input_fps: images a second, where the path is a folder of images or a pattern of their names.

    Raises:
        InputError: if it can't be read as a film.
    """
    return probe_clip(Path(path), None if input_fps is None else Fraction(str(input_fps)))


def load_model(
    size: tuple[int, int],
    model: str = "auto",
    *,
    engine: str = "auto",
    device: str = "auto",
    weights: str | Path | None = None,
    frames: int = 1000,
) -> LoadedModel:
    """A network for pictures of one size, ready for any number of films of it.

    Args:
        size: (height, width) in pixels.
        model, engine, device, weights: as on the command line.
        frames: that will be made by it: ``auto`` takes a network that is fast enough for so many.

    Raises:
        IfrplusError: if there is no such network, device or file.
    """
    named = SMALLEST if weights is not None and model == "auto" else model
    plan = plan_model(Work(size, (Fraction(1, 2),), frames), named, engine, device)
    return interpolator.load_for_run(plan, None if weights is None else Path(weights))


def upsample(
    source: str | Path,
    output: str | Path,
    *,
    model: str | LoadedModel = "auto",
    progress: Callable[[Progress], None] = lambda _: None,
    deinterlace: str | None = None,
    input_fps: Fraction | float | None = None,
    **options: Any,
) -> Summary:
    """Write a film at a higher frame rate; it appears under its name when it is finished and verified.

    Args:
        model: the name of a network, or one from ``load_model`` for pictures of this size.
        progress: is called after every written frame.
        deinterlace: ``bwdif``, ``ivtc`` or ``off`` for an interlaced film.
        input_fps: images a second, for a source of images.
        options: fields of ``UpsampleOptions``, such as ``factor=2``, ``fps=60`` or ``overwrite=True``; numbers may be
            of any kind.

    Raises:
        IfrplusError: with ``message`` and ``hint``, whatever goes wrong; no partial output is left.
        TypeError: for an option that there is not.
    """
    for name in ("factor", "fps", "start", "end"):
        if isinstance(options.get(name), int | float | str):
            options[name] = Fraction(str(options[name]))
    job = plan_job(untangle(probe(source, input_fps), deinterlace), Path(output), UpsampleOptions(**options))
    if isinstance(model, str):
        model = interpolator.load_for_run(plan_model(work_of(job), model, "auto", "auto"))
    return run_job(job, model, progress)


def work_of(job: Job) -> Work:
    """What a run asks of its network."""
    made = job.expected_frames - len(job.clip.packet_pts)
    return Work((job.encode.height, job.encode.width), tuple(timesteps(job.timeline, job.clip.times)), made)


def plan_model(
    work: Work,
    model: str,
    engine: str,
    device: str,
    options: NetworkOptions | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> NetworkPlan:
    """Choose engine, device and network for some work, and how it is run.

    Args:
        note: is told of an accelerator that is there but that has to be passed over.
    """
    from ifrplus_cli.network.engine import choose_engine

    computing, chosen, why_engine = choose_engine(engine, device, model, note)
    spec, why = choose_model(model, computing, chosen, work, options)
    plan = plan_network(spec, computing, chosen, work.size, work.timesteps, options)
    reasons = (f"The network is {spec.name}: {why}.", f"The engine is {computing}: {why_engine}.")
    return replace(plan, reasons=(*reasons, *plan.reasons))
