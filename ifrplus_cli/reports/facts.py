"""Describe a clip, how it would be upsampled, and the cost, as plain data."""

from __future__ import annotations

from ifrplus_cli.frames.duplicates import thin
from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.network.plan import NetworkPlan
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.decode import Decoder
from ifrplus_cli.video.interlace import detect_fields
from ifrplus_cli.video.trim import FrameNumber, cut_section

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
        "plays": clip.plays,
        "marked_as_interlaced": clip.interlaced,
        "streams": [{"index": s.index, "kind": s.kind, "codec": s.codec} for s in clip.streams],
        "chapters": len(clip.chapters),
    }


def describe_pictures(clip: ClipInfo) -> dict[str, object]:
    """Return what was found by looking at some of a clip's frames, as plain data."""
    fields = "progressive" if clip.is_drawn else detect_fields(clip).kind
    return {"fields": fields, "repeats": repeats_advice(clip)}


def count_repeats(clip: ClipInfo) -> tuple[int, int]:
    """Count, among some frames from the middle of a clip, those that repeat the one before: (repeats, frames)."""
    middle = max(0, (len(clip.packet_pts) - REPEATS_SEEN) // 2)
    part = cut_section(clip, FrameNumber(middle), FrameNumber(middle + REPEATS_SEEN))
    with Decoder(part) as decoder:
        repeats = sum(len(frame.repeats) for frame in thin(decoder, part.pixel_format))
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
        "part": None if section is None else f"{float(section.begin):.3f} to {float(section.end):.3f} s",
        "deinterlacing": job.clip.deinterlace,
        "cut_threshold": options.cut_threshold,
        "cut_fill": options.cut_fill,
        "repeated_frames": "smooth" if options.smooth_duplicates else "keep",
        "doubt": "auto" if options.doubt else "off",
    }


def describe_job(job: Job) -> dict[str, object]:
    """Return what would be done, as plain data."""
    encode = job.encode
    return {
        "file": str(job.output if encode.image_names is None else job.output / encode.image_names),
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
