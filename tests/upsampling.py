"""Upsample films in this process, with a network that mixes both frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from blends import blend
from clips import blend_model, probe_once

from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import Hooks, RunProgress, Summary, run_job
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

LOSSLESS = EncodeOptions("libx264", crf=0, preset="ultrafast")


def elsewhere(job: Job, output: Path) -> Job:
    """The same job with another output of its kind."""
    return replace(job, encode=replace(job.encode, target=target_of(output)))


def upsample(
    source: Path,
    output: Path,
    factor: Fraction | int = 2,
    *,
    encode: EncodeOptions = LOSSLESS,
    network: Callable[..., object] = blend,
    progress: Callable[[RunProgress], None] = lambda _: None,
    **options: object,
) -> Summary:
    wanted = UpsampleOptions(factor=Fraction(factor), encode=encode, **options)  # type: ignore[arg-type]
    clip = probe_once(source) if source.is_file() else probe(source)
    job = plan_job(clip, output, wanted)
    return run_job(job, blend_model(network, (job.encode.height, job.encode.width)), Hooks(progress))
