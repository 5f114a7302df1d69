"""Build the report on a run: figures, settings, the check of the finished file, plots and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.pipeline.films import FinishedFilm
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.run import Summary
from ifrplus_cli.pipeline.run_record import RunRecord, SeenFrame
from ifrplus_cli.reports.facts import describe_clip, describe_job, describe_model, describe_settings, versions
from ifrplus_cli.reports.format import clock, clock_time, moments_text, readable
from ifrplus_cli.reports.html import Chart, Line, PictureRow, Report, write_report
from ifrplus_cli.reports.next_steps import next_steps
from ifrplus_cli.reports.softness import softness

MUCH_DOUBT = 0.1  # doubtful share of the picture from which a frame is worth a look


def write_run_report(path: Path, film: FinishedFilm) -> None:
    """Write the HTML report on a finished film whose run kept a record.

    Raises:
        OutputError: if it can't be written.
    """
    assert film.record is not None, "the run was not asked for a report"
    facts = {
        "Source": readable(describe_clip(film.job.clip)),
        "Settings": readable({**describe_settings(film.job), **describe_job(film.job)}),
        "Network": readable(describe_model(film.model)),
        "Versions": versions(film.model.plan),
    }
    write_report(build_report(film.job, film.summary, film.record, facts), path)


def describe_run(film: FinishedFilm) -> dict[str, object]:
    """Return what a run did, as plain data."""
    job, model, summary = film.job, film.model, film.summary
    return {
        "versions": versions(model.plan),
        **describe_model(model),
        "pairs_at_once": model.at_once,
        "input": str(job.clip.path),
        "output": str(job.output),
        "factor": str(job.options.factor if job.options.fps is None else job.encode.timing.rate / job.clip.rate),
        "rate": rate_text(job.encode.timing.rate),
        "loop": job.options.loop,
        "frames_in": summary.frames_in,
        "frames_out": summary.frames_out,
        "frames_made": summary.frames_made,
        **_detail(film.record),
        "cuts": summary.pairs["cut"],
        "duplicates": summary.pairs["duplicate"],
        "seconds": round(summary.seconds, 3),
        "stage_seconds": {stage: round(spent, 3) for stage, spent in summary.stage_seconds.items()},
        "peak_memory_mb": round(summary.peak_memory_mb, 1),
        "sharpness": summary.sharpness and round(summary.sharpness, 4),
        "notes": list(summary.notes),
        "next_steps": list(next_steps(film)),
    }


def _detail(record: RunRecord | None) -> dict[str, object]:
    """Return how sharp made frames are beside their source frames; empty if no frame was seen for a report."""
    if record is None or not record.details:
        return {}
    seconds, lowest = min(record.details, key=lambda moment: moment[1])
    mean = fmean(share for _, share in record.details)
    return {"neighbour_detail": round(mean, 4), "softest": {"seconds": round(seconds, 6), "detail": round(lowest, 4)}}


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def run_line(film: FinishedFilm, output: str) -> str:
    """Return what a run did, in one sentence that begins with the name of the output."""
    summary, rate = film.summary, rate_text(film.job.encode.timing.rate)
    return (
        f"{output}: {_frames(summary.frames_in)} became {summary.frames_out} at {rate} fps "
        f"in {clock_time(summary.seconds)}; verified."
    )


def build_report(job: Job, summary: Summary, record: RunRecord, facts: Mapping[str, Mapping[str, str]]) -> Report:
    """Build the report on a finished run.

    Args:
        job: what was to be done.
        summary: what was done.
        record: what was recorded during the run.
        facts: about source, settings, network and versions; shown below everything else.
    """
    rate = rate_text(job.encode.timing.rate)
    return Report(
        title=f"{job.output.name}, made from {job.clip.path.name}",
        subtitle=f"{_frames(summary.frames_in)} became {summary.frames_out} at {rate} per second.",
        headline=_headline(job, summary),
        sentences=list(_sentences(job, summary, record)),
        charts=_charts(record),
        rows=[_row(seen) for seen in record.shown],
        facts={"The finished file, probed and compared": _finished(job, summary), **_seconds(summary), **facts},
    )


def _headline(job: Job, summary: Summary) -> dict[str, str]:
    each = summary.seconds_per_frame
    return {
        "frames per second": rate_text(job.encode.timing.rate).partition(" ")[0],
        "frames made": str(summary.frames_made),
        "cuts held" if job.options.cut_fill == "hold" else "cuts": str(summary.pairs["cut"]),
        "for the whole run": f"{summary.seconds:.1f} s",
        **({} if each is None else {"a made frame": f"{each:.2f} s"}),
    }


def _sentences(job: Job, summary: Summary, record: RunRecord) -> Iterator[str]:
    yield "The finished file was checked and is as promised: frames, times, length, streams, chapters, colours."
    if summary.cuts:
        what = "Cuts, where the frame before is held" if job.options.cut_fill == "hold" else "Cuts"
        yield f"{what}: {moments_text(float(cut.time) for cut in summary.cuts)}."
    if repeats := summary.pairs["duplicate"]:
        yield f"{repeats} source frames repeat the one before; the frames between them repeat it too."
    yield from softness(record.details)
    doubtful = [seconds for seconds, share in record.doubts if share > MUCH_DOUBT]
    if doubtful:
        yield f"More than {MUCH_DOUBT:.0%} of the picture is doubtful at {moments_text(doubtful)}: look there first."
    if not record.shown and summary.frames_made:
        yield "No sample pictures: all frames came from the resumed run."
    yield from summary.notes


def _charts(record: RunRecord) -> list[Chart]:
    charts = []
    if record.details:
        seconds, shares = zip(*record.details, strict=True)
        beside = Line("made frames, beside both source frames", [round(share, 4) for share in shares])
        charts.append(Chart("Detail", "of theirs", [round(s, 4) for s in seconds], [beside]))
    if record.doubts:
        seconds, shares = zip(*record.doubts, strict=True)
        values = [round(100 * share, 3) for share in shares]
        charts.append(Chart("Doubt", "% of the picture", [round(s, 4) for s in seconds], [Line("made frames", values)]))
    if record.pairs:
        seconds = tuple(round(pair.seconds, 4) for pair in record.pairs)
        change = Line("from one source frame to the next", [round(pair.change, 2) for pair in record.pairs])
        charts.append(Chart("Change", "8-bit codes", seconds, [change]))
    return charts


def _row(seen: SeenFrame) -> PictureRow:
    title = f"{clock(seen.seconds)}: change {seen.change:.1f} 8-bit codes, detail {seen.detail:.2f}"
    pictures = {"frame before": seen.left, "made": seen.made, "frame after": seen.right}
    if seen.share is None or seen.doubt is None:
        return PictureRow(title, pictures)
    return PictureRow(f"{title}, {seen.share:.1%} in doubt", {**pictures, "doubt, in red": seen.doubt})


def _finished(job: Job, summary: Summary) -> dict[str, str]:
    """Describe the file as it was read back; a run whose file is not as promised ends with an error."""
    result, encode = summary.result, job.encode
    colour = (result.colour.matrix, result.colour.primaries, result.colour.transfer, result.colour.range)
    return {
        "frames": f"{len(result.packet_pts)}, as promised",
        "length": f"{float(result.duration):.3f} s, as promised",
        "rate": rate_text(result.rate),
        "picture": f"{result.codec}, {result.width}x{result.height}, {result.source_format}, as promised",
        "colour": ", ".join(tag for tag in colour if tag) or "not stated, as in the source",
        "other streams": f"{len(result.streams)}, {len(encode.carried)} promised",
        "chapters": f"{len(result.chapters)}, as promised",
    }


def _seconds(summary: Summary) -> dict[str, dict[str, str]]:
    """Return the time of each stage; empty for a run that found all segments finished."""
    if not summary.stage_seconds:
        return {}
    stages = {stage: f"{spent:.2f} s" for stage, spent in summary.stage_seconds.items()}
    whole = {"whole run": f"{summary.seconds:.2f} s, stages work at the same time"}
    return {"Time and memory": {**stages, **whole, "most memory": f"{summary.peak_memory_mb:.0f} MB, without ffmpeg's"}}
