"""Describe a clip, how it would be upsampled, and the cost, as plain data."""

from __future__ import annotations

from dataclasses import asdict

from ifrplus_cli import __version__
from ifrplus_cli.frames.duplicates import without_repeats
from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.network.engine import engine_version
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.plan import NetworkPlan, pairs_at_once
from ifrplus_cli.pipeline.cost import Cost
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.reports.format import clock_time
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffmpeg import tool_version
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.interlace import advice, detect_fields
from ifrplus_cli.video.reading.trim import FrameNumber, cut_section

REPEATS_SEEN = 120  # frames that are examined
REPEATS_WORTH_A_WORD = 0.1  # share of these from which repeats are reported


def describe_clip(clip: ClipInfo) -> dict[str, object]:
    """Return facts about the source, as plain data."""
    return {
        "file": str(clip.path),
        "container": clip.container,
        "codec": clip.codec,
        "size": f"{clip.width}x{clip.height}",
        "pixel_format": clip.source_format,
        "colour": {
            "matrix": clip.colour.matrix,
            "primaries": clip.colour.primaries,
            "transfer": clip.colour.transfer,
            "range": clip.colour.range,
        },
        "sample_aspect": str(clip.sample_aspect or 1),
        "turned": clip.display_matrix is not None,
        "frames": len(clip.packet_pts),
        "rate": rate_text(clip.rate),
        "variable_rate": clip.variable_rate,
        "start": round(float(clip.start), 6),
        "duration": round(float(clip.duration), 6),
        "plays": clip.source.plays,
        "marked_as_interlaced": clip.interlaced,
        "streams": [{"index": s.index, "kind": s.kind, "codec": s.codec} for s in clip.streams],
        "chapters": len(clip.chapters),
    }


def describe_pictures(clip: ClipInfo) -> dict[str, object]:
    """Return what was found by looking at some of a clip's frames, as plain data."""
    fields = detect_fields(clip).kind if clip.source.is_video else "progressive"
    return {"fields": fields, "deinterlace": advice(clip, fields), "repeats": repeats_advice(clip)}


def count_repeats(clip: ClipInfo) -> tuple[int, int]:
    """Count, among some frames from the middle of a clip, those that repeat the one before: (repeats, frames)."""
    middle = max(0, (len(clip.packet_pts) - REPEATS_SEEN) // 2)
    part = cut_section(clip, FrameNumber(middle), FrameNumber(middle + REPEATS_SEEN))
    with decode(part) as decoder:
        repeats = sum(len(frame.repeats) for frame in without_repeats(decoder, part.pixel_format))
        return repeats, decoder.frames


def repeats_advice(clip: ClipInfo) -> str | None:
    """Return a recommendation for a clip whose repeated frames should probably be smoothed; otherwise None."""
    repeats, seen = count_repeats(clip)
    if repeats < REPEATS_WORTH_A_WORD * seen:
        return None
    return f"{repeats} of {seen} frames repeat the one before: --duplicates smooth interpolates across them"


def describe_settings(job: Job) -> dict[str, object]:
    """Return how frames are made, as plain data."""
    options, section = job.options, job.clip.section
    return {
        "factor": str(options.factor) if options.fps is None else None,
        "constant_rate": None if options.fps is None else rate_text(options.fps),
        "slow_motion": options.slow_motion,
        "loop": options.loop,
        "part": None if section is None else f"{float(section.begin):.3f} to {float(section.end):.3f} s",
        "deinterlacing": job.clip.deinterlace,
        "cut_threshold": options.cut_threshold,
        "cut_fill": options.cut_fill,
        "repeated_frames": "smooth" if options.smooth_duplicates else "keep",
    }


def describe_job(job: Job) -> dict[str, object]:
    """Return what would be done, as plain data."""
    encode = job.encode
    return {
        "file": str(job.target.pattern),
        "frames": job.expected_frames,
        "rate": rate_text(encode.timing.rate),
        "codec": encode.codec,
        "encoder_options": dict(encode.encoder_options),
        "pixel_format": encode.pix_fmt,
        "size": f"{encode.stored_width}x{encode.stored_height}",
        "streams": [{"index": c.stream.index, "kind": c.stream.kind, "as": c.codec} for c in encode.carried],
        "notes": list(encode.notes),
    }


def describe_network(plan: NetworkPlan) -> dict[str, object]:
    """Return how the network is run, as plain data."""
    tile_height, tile_width = plan.tiles.tile_size
    return {
        "model": plan.spec.name,
        "engine": str(plan.engine),
        "device": str(plan.device),
        "precision": plan.precision,
        "flow_scale": plan.scales.flow,
        "tiles": f"{plan.tiles.count} of {tile_width}x{tile_height}",
        "reasons": [*plan.reasons, *plan.notes],
    }


def describe_model(model: LoadedModel) -> dict[str, object]:
    """Return how a loaded network is run, and its weights, as plain data."""
    return {**describe_network(model.plan), "weights_sha256": model.weights_sha256}


def describe_plan(job: Job, network: NetworkPlan) -> dict[str, object]:
    """Return what would be written, and how it would be made, as plain data."""
    return {**describe_job(job), **describe_network(network), "pairs_at_once": pairs_at_once(network)}


def cost_facts(cost: Cost | None, failure: str | None) -> dict[str, object]:
    """Return the cost for a JSON object, and why it is unknown if its trial failed."""
    return {"cost": cost and asdict(cost), **({} if failure is None else {"cost_unknown": failure})}


def describe_cost(cost: Cost) -> dict[str, str]:
    """Return time, disk space and memory of a run, as a person reads them."""
    return {
        "time": f"about {clock_time(cost.seconds)}: {cost.seconds_per_frame:.2f} s per made frame",
        "disk": f"about {cost.picture_mb:.1f} MB for the video stream",
        "memory": f"{cost.memory_mb:.0f} MB, plus what ffmpeg takes",
    }


def versions(network: NetworkPlan) -> dict[str, str]:
    """Return the versions of this program, its engine and ffmpeg."""
    return {"ifrplus": __version__, **engine_version(network.engine), "ffmpeg": tool_version("ffmpeg")}
