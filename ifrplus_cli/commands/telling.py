"""What commands tell of what they did or found: to a person in tables and sentences, or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli import __version__
from ifrplus_cli.commands import console
from ifrplus_cli.reports.format import clock_time

if TYPE_CHECKING:
    from ifrplus_cli.measure.bench import BenchResult, PipelineTimes, SizeResult, Spread
    from ifrplus_cli.measure.check import CheckResult
    from ifrplus_cli.measure.evaluate import Evaluation
    from ifrplus_cli.network.interpolator import LoadedModel
    from ifrplus_cli.network.plan import NetworkPlan
    from ifrplus_cli.pipeline.cost import Cost
    from ifrplus_cli.pipeline.job import Job
    from ifrplus_cli.pipeline.run import Summary
    from ifrplus_cli.pipeline.run_record import RunRecord
    from ifrplus_cli.weights.download import Outcome


def tell_run(job: Job, loaded: LoadedModel, summary: Summary, *, as_json: bool, quiet: bool) -> None:
    """How a run went: notes that came up in it, then one line, or one JSON object."""
    for note in summary.notes[len(job.encode.notes) :]:
        console.print_note(note)
    if as_json:
        console.print_json(_run_facts(job, loaded, summary))
    elif not quiet:
        console.print_done(_run_line(job, summary))


def write_run_report(path: Path, job: Job, loaded: LoadedModel, summary: Summary, record: RunRecord) -> None:
    """Writes the page that ``--report`` asks for."""
    from ifrplus_cli.reports.facts import describe_clip, describe_job, describe_network, describe_settings
    from ifrplus_cli.reports.html import write_report
    from ifrplus_cli.reports.upsample import build_report

    network = {**describe_network(loaded.plan), "weights_sha256": loaded.weights_sha256}
    facts = {
        "Source": readable(describe_clip(job.clip)),
        "Settings": readable({**describe_settings(job), **describe_job(job)}),
        "Network": readable(network),
        "Versions": versions(loaded.plan),
    }
    write_report(build_report(job, summary, record, facts), path)


def tell_plans(job: Job, plan: NetworkPlan, cost: Cost | None, *, as_json: bool) -> None:
    """What ``--dry-run`` and ``--verbose`` say: source, plan, and what the run will cost where that was tried."""
    from ifrplus_cli.reports.facts import describe_clip

    source, planned = describe_clip(job.clip), planned_facts(job, plan)
    if as_json:
        console.print_json({"source": source, "plan": planned, "cost": cost and asdict(cost)})
        return
    console.print_facts(readable(source))
    console.print_facts(readable(planned))
    if cost is not None:
        console.print_facts(told_cost(cost))


def planned_facts(job: Job, plan: NetworkPlan) -> dict[str, object]:
    """What would be written, and how it would be made."""
    from ifrplus_cli.network.plan import pairs_at_once
    from ifrplus_cli.reports.facts import describe_job, describe_network

    return {**describe_job(job), **describe_network(plan), "pairs_at_once": pairs_at_once(plan)}


def told_cost(cost: Cost) -> dict[str, str]:
    """Time, disk and memory of a run that was tried."""
    each, whole = cost.seconds_per_frame, clock_time(cost.seconds)
    return {
        "time": f"about {whole}: {each:.2f} s a made frame",
        "disk": f"about {cost.picture_mb:.1f} MB for the picture",
        "memory": f"{cost.memory_mb:.0f} MB, and what ffmpeg takes",
    }


def _run_facts(job: Job, loaded: LoadedModel, summary: Summary) -> dict[str, object]:
    from ifrplus_cli.frames.timeline import rate_text
    from ifrplus_cli.reports.facts import describe_network

    return {
        "versions": versions(loaded.plan),
        **describe_network(loaded.plan),
        "pairs_at_once": loaded.at_once,
        "weights_sha256": loaded.weights_sha256,
        "input": str(job.clip.path),
        "output": str(job.output),
        "factor": str(job.options.factor if job.options.fps is None else job.encode.timing.rate / job.clip.rate),
        "rate": rate_text(job.encode.timing.rate),
        "doubt": "auto" if job.options.doubt else "off",
        "frames_in": summary.frames_in,
        "frames_out": summary.frames_out,
        "frames_made": summary.frames_made,
        "cuts": summary.pairs["cut"],
        "duplicates": summary.pairs["duplicate"],
        "seconds": round(summary.seconds, 3),
        "stage_seconds": {stage: round(spent, 3) for stage, spent in summary.stage_seconds.items()},
        "peak_memory_mb": round(summary.peak_memory_mb, 1),
        "notes": list(summary.notes),
    }


def _run_line(job: Job, summary: Summary) -> str:
    from ifrplus_cli.frames.timeline import rate_text

    pairs = summary.pairs
    return (
        f"{job.output}: {summary.frames_in} frames became {summary.frames_out} "
        f"({summary.frames_made} made, {pairs['cut']} cuts and {pairs['duplicate']} repeats held) "
        f"at {rate_text(job.encode.timing.rate)} a second, in {clock_time(summary.seconds)}; verified."
    )


def tell_check(result: CheckResult, report: Path | None) -> None:
    """Figures and words of a comparison, and where the page is."""
    from ifrplus_cli.reports.advice import verdict
    from ifrplus_cli.reports.check import headline
    from ifrplus_cli.reports.format import clock

    console.print_facts(headline(result), to_stdout=True)
    sys.stdout.write("\n")
    sys.stdout.flush()
    worst = ", ".join(f"{clock(sight.moment.seconds)} ({sight.moment.psnr:.1f} dB)" for sight in result.worst)
    console.print_points([*verdict(result), f"Worst moments: {worst}."])
    if result.no_vmaf:
        console.print_note(f"VMAF is not among the figures: {result.no_vmaf}.")
    if report is not None:
        console.print_done(str(report))


def tell_evaluation(result: Evaluation, model: str) -> None:
    """Scores of a data set beside the published ones."""
    from ifrplus_cli.reports.evaluation import published_rows, result_rows

    console.print_table(f"{result.dataset.path}, {len(result.scores)} triplets", result_rows(result, model))
    console.print_table("Published means over whole benchmarks", published_rows(result.dataset))


def tell_bench(result: BenchResult) -> None:
    """Tables of what was measured, with what their columns mean."""
    from ifrplus_cli.measure.bench import PUBLISHED_SETTING

    console.print_facts(readable(result.setting), to_stdout=True)
    rows = [
        {
            "size": f"{size.width}x{size.height}",
            "model": size.network,
            "engine": size.engine,
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
    console.print_table("Seconds a made frame, batch 1: median (least-most)", rows)
    notes = [f"published: {PUBLISHED_SETTING}, as its authors measured it."]
    notes.extend(
        f"{network} is another, smaller network: the columns do not compare like with like."
        for network in dict.fromkeys(size.network for size in result.sizes if size.network != "ifrplus")
    )
    notes.append("whole frame: flow, network, padding and tiles. first: the network's first frame, with compiling.")
    notes.append("peak memory: of a process that does only this, with its engine.")
    notes.append("of the machine: the network's convolutions, against one large 3x3 convolution in the same process.")
    console.print_points(notes)
    if runs := [(size, size.pipeline) for size in result.sizes if size.pipeline]:
        console.print_table(
            "Seconds of a whole run by stage (share); stages work at the same time",
            [
                {"size": f"{size.width}x{size.height}", "model": size.network, "engine": size.engine, **_stages(run)}
                for size, run in runs
            ],
        )


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


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"


def _memory(size: SizeResult) -> str:
    device = f", device {size.device_memory_mb:.0f} MB" if size.device_memory_mb else ""
    return f"{size.peak_memory_mb:.0f} MB{device}"


def tell_weights(*, as_json: bool) -> None:
    """What weights there are, and which of them are here."""
    from ifrplus_cli.weights.manifest import MANIFEST, download_folder, find_weights

    listed = {name: {**asdict(entry), "path": find_weights(name)} for name, entry in MANIFEST.items()}
    if as_json:
        console.print_json(listed)
        return
    for name, facts in listed.items():
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        told = {
            "network": facts["network"],
            "licence": facts["licence"],
            "source": facts["source"],
            "published at": " or ".join(facts["urls"]),
            "size": f"{facts['size'] / 1e6:.1f} MB, as published" if facts["size"] else None,
            "sha256": facts["sha256"] or ("none published" if facts["urls"] else None),
            "found": facts["path"] or f"no; download-weights puts it in {download_folder()}",
        }
        console.print_facts({f"  {key}": str(value) for key, value in told.items() if value}, to_stdout=True)


def download_line(outcome: Outcome) -> str:
    """What came of a download, in a line."""
    done = f"done: {outcome.path}" if outcome.fresh else f"{outcome.path} is there already"
    checked = "as it must be" if outcome.enforced else "not compared, for none is published"
    if outcome.fresh and not outcome.enforced:
        checked = f"{checked}; recorded in {outcome.path.name}.json"
    return f"{done}: {outcome.size / 1e6:.1f} MB, sha256 {outcome.sha256} ({checked})."


def versions(plan: NetworkPlan) -> dict[str, str]:
    """Of this program, its engine and ffmpeg."""
    from ifrplus_cli.network.engine import engine_version
    from ifrplus_cli.video.ffmpeg import tool_version

    return {"ifrplus": __version__, **engine_version(plan.engine), "ffmpeg": tool_version("ffmpeg")}


def readable(facts: Mapping[str, object]) -> dict[str, str]:
    """Plain data as a person reads it."""
    return {name.replace("_", " "): _words(value) for name, value in facts.items() if value not in ([], {}, None)}


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {told}" for name, told in value.items() if told is not None) or "not stated"
    if isinstance(value, list):
        return "; ".join(_words(item) for item in value)
    return str(value)
