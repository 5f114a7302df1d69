"""The figures of a benchmark, as tables, as sentences, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ifrplus_cli.measure.bench import PUBLISHED_SETTING, BenchResult, PipelineTimes, SizeResult
from ifrplus_cli.measure.timing import Spread

FRAME_TITLE = "Seconds per made frame, batch size 1: median (minimum-maximum)"
STAGE_TITLE = "Seconds of a whole run by stage (share); the stages run at the same time"
BESIDE_TITLE = "Seconds beside other programs, in turn: median (minimum-maximum)"


def frame_rows(result: BenchResult) -> list[dict[str, str]]:
    """Return a row for each size, network and engine: seconds, memory, and the published figure."""
    return [
        {
            **_heading(size),
            "network": _spread(size.times.network),
            "flow": _spread(size.times.prior) if size.times.prior else "none",
            "whole frame": _spread(size.times.whole),
            "first": _seconds(size.times.first),
            "peak memory": _memory(size),
            "of the machine": f"{size.share_of_convolution:.0%} of {size.convolution_gflops:.0f} GFLOP/s",
            "published": _seconds(size.published_seconds) if size.published_seconds else "",
        }
        for size in result.sizes
    ]


def stage_rows(result: BenchResult) -> list[dict[str, str]]:
    """Return a row for each whole run; none without ``--pipeline``."""
    return [{**_heading(size), **_stages(size.pipeline)} for size in result.sizes if size.pipeline]


def beside_rows(result: BenchResult) -> list[dict[str, str]]:
    """Return a row for each comparison with another program; none without ``--beside``."""
    return [
        {
            **_heading(size),
            "what": each.what,
            "ours": _spread(each.turns.ours),
            "other": each.other,
            "its time": _spread(each.turns.theirs),
            "ours is faster": _times(each.turns.times_as_fast),
        }
        for size in result.sizes
        for each in size.beside
    ]


def column_notes(result: BenchResult) -> list[str]:
    """Explain the columns of ``frame_rows``."""
    others = dict.fromkeys(size.network for size in result.sizes if size.network != "ifrplus")
    return [
        f"published: {PUBLISHED_SETTING}, as its authors measured it.",
        *(f"{name} is another, smaller network: the columns do not compare like with like." for name in others),
        "whole frame: flow, network, padding and tiles. first: the network's first frame, including compilation.",
        "peak memory: of a process that does only this, including its engine.",
        "of the machine: rate of the network's convolutions, compared with a large 3x3 one in single precision.",
    ]


def describe_bench(result: BenchResult) -> dict[str, object]:
    """Return everything that was measured, as plain data."""
    return {
        "setting": result.setting,
        "batch": 1,
        "published": f"{PUBLISHED_SETTING}, as its authors measured it",
        "sizes": [{"size": _size(size), **_rounded(asdict(size))} for size in result.sizes],
    }


def _heading(size: SizeResult) -> dict[str, str]:
    return {"size": _size(size), "model": size.network, "engine": f"{size.engine} {size.precision}"}


def _size(size: SizeResult) -> str:
    return f"{size.width}x{size.height}"


def _stages(run: PipelineTimes) -> dict[str, str]:
    worked = sum(run.stages.values())
    return {
        "frames": f"{run.frames_in}, {run.frames_made} made",
        **{stage: f"{_seconds(spent)} ({spent / worked:.0%})" for stage, spent in run.stages.items()},
        "whole run": _seconds(run.seconds),
        "to frames alone": f"{run.ratio:.2f}x",
    }


def _spread(spread: Spread) -> str:
    return f"{_seconds(spread.median)} ({_seconds(spread.least)}-{_seconds(spread.most)})"


def _times(spread: Spread) -> str:
    return f"{spread.median:.2f}x ({spread.least:.2f}-{spread.most:.2f})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"


def _memory(size: SizeResult) -> str:
    device = f", device {size.device_memory_mb:.0f} MB" if size.device_memory_mb else ""
    return f"{size.peak_memory_mb:.0f} MB{device}"


def _rounded(data: Any) -> Any:
    """Return plain data with every float rounded to four digits: a tenth of a millisecond, or of a kilobyte."""
    if isinstance(data, dict):
        return {name: _rounded(value) for name, value in data.items()}
    if isinstance(data, tuple | list):
        return [_rounded(value) for value in data]
    return round(data, 4) if isinstance(data, float) else data
