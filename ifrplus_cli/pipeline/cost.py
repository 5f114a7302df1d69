"""Estimate the cost of a run on this machine from a trial of three pairs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import Summary, run_job
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.trim import FrameNumber

PAIRS = 3
GROWTH = 1.15  # factor on the size that the trial predicts: one second of nine films took 0.99 to 1.45 times of it
KEY_FRAMES = 250  # frames from one key frame to the next, as encoders place them


@dataclass(frozen=True)
class Cost:
    """The estimated cost of a run on this machine.

    Attributes:
        seconds_per_frame: time for one made frame, including colour conversion.
        seconds: time for the whole run, if every gap has motion.
        picture_mb: megabytes that the picture would take on disk, without the sound.
        memory_mb: megabytes of memory that this program took, without ffmpeg's.
    """

    seconds_per_frame: float
    seconds: float
    picture_mb: float
    memory_mb: float


def measure_cost(clip: ClipInfo, job: Job, model: LoadedModel) -> Cost | None:
    """Run the job on four frames from its middle; None if no frame is made there.

    A first run on two of them compiles the network.

    Args:
        clip: the whole film; the job may use a section of it.
    """
    section = job.clip.section
    middle = max(0, (len(job.clip.packet_pts) - PAIRS - 1) // 2) + (section.number if section else 0)
    start = FrameNumber(middle)
    uncut = replace(job.options, start=start, loop=False, overwrite=True, cut_threshold=None, cuts=None)
    with tempfile.TemporaryDirectory(prefix="ifrplus-") as folder:
        output = Path(folder) / "trial" / job.target.pattern.name
        output.parent.mkdir()
        _try(clip, output, replace(uncut, end=FrameNumber(middle + 2)), model)
        done = _try(clip, output, replace(uncut, end=FrameNumber(middle + PAIRS + 1)), model)
        each = done.seconds_per_frame
        if each is None:
            return None
        sizes = done.result.source.picture_sizes(done.result)
    others = sum(sizes[1:]) / max(1, len(sizes) - 1)
    keys = ceil(job.expected_frames / KEY_FRAMES)
    size = GROWTH * (keys * sizes[0] + (job.expected_frames - keys) * others)
    return Cost(each, each * len(job.made_timesteps()), size / 1e6, done.peak_memory_mb)


def try_cost(clip: ClipInfo, job: Job, model: LoadedModel) -> tuple[Cost | None, str | None]:
    """Return the cost of a run, or why it can't be measured: a trial of a few frames may fail for a film that works."""
    try:
        return measure_cost(clip, job, model), None
    except IfrplusError as error:
        return None, f"The cost of the run can't be measured: a trial of a few frames failed. {error.message}"


def _try(clip: ClipInfo, output: Path, options: UpsampleOptions, model: LoadedModel) -> Summary:
    return run_job(plan_job(clip, output, options), model)
