"""Build the report on a run: figures, settings, the check of the finished file, plots and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.run import Summary
from ifrplus_cli.pipeline.run_record import RunRecord, SeenFrame
from ifrplus_cli.reports.format import clock, moments_text
from ifrplus_cli.reports.html import Chart, Line, PictureRow, Report
from ifrplus_cli.values import PairKind

MUCH_DOUBT = 0.1  # doubtful share of the picture from which a frame is worth a look


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
        subtitle=f"{summary.frames_in} frames became {summary.frames_out} at {rate} per second.",
        headline=_headline(job, summary),
        sentences=list(_sentences(job, summary, record)),
        charts=_charts(record),
        rows=[_row(seen) for seen in record.shown],
        facts={"The finished file, probed and compared": _finished(job, summary), **_seconds(summary), **facts},
    )


def _headline(job: Job, summary: Summary) -> dict[str, str]:
    each = summary.seconds_per_frame
    return {
        "frames a second": rate_text(job.encode.timing.rate).partition(" ")[0],
        "frames made": str(summary.frames_made),
        "cuts held": str(summary.pairs["cut"]),
        "for the whole run": f"{summary.seconds:.1f} s",
        **({} if each is None else {"a made frame": f"{each:.2f} s"}),
    }


def _sentences(job: Job, summary: Summary, record: RunRecord) -> Iterator[str]:
    yield "The finished file was checked and is as promised: frames, times, length, streams, chapters, colours."
    if summary.cuts:
        times = moments_text(float(pair.seconds) for pair in record.pairs if pair.kind is PairKind.CUT)
        yield f"Cuts, where the frame before is held: {times}." if job.options.cut_fill == "hold" else f"Cuts: {times}."
    if repeats := summary.pairs["duplicate"]:
        yield f"{repeats} source frames repeat the one before; the frames between them repeat it too."
    doubtful = [seconds for seconds, share in record.doubts if share > MUCH_DOUBT]
    if doubtful:
        yield f"More than {MUCH_DOUBT:.0%} of the picture is doubtful at {moments_text(doubtful)}: look there first."
    if len(record.pairs) and not record.shown and summary.frames_made:
        yield "No sample pictures: all frames came from the resumed run."
    yield from summary.notes


def _charts(record: RunRecord) -> list[Chart]:
    charts = []
    if record.doubts:
        seconds, shares = zip(*record.doubts, strict=True)
        values = [round(100 * share, 3) for share in shares]
        charts.append(Chart("Doubt", "% of the picture", [round(s, 4) for s in seconds], [Line("made frames", values)]))
    if record.pairs:
        seconds = tuple(round(pair.seconds, 4) for pair in record.pairs)
        change = Line("from one source frame to the next", [round(pair.change, 2) for pair in record.pairs])
        charts.append(Chart("Change", "codes of 8 bits", seconds, [change]))
    return charts


def _row(seen: SeenFrame) -> PictureRow:
    title = f"{clock(seen.seconds)}: change {seen.change:.1f} codes of 8 bits"
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
