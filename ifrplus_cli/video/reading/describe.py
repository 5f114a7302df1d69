"""What a film says of itself, from the answers of ffprobe and the headers that it does not read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ifrplus_cli.description import Description, Projection, Stereo, TimecodeTag
from ifrplus_cli.video.ffmpeg import SOURCE_LIMITS, find_tool, source_url
from ifrplus_cli.video.formats.matroska_crop import read_crop
from ifrplus_cli.video.formats.streams import language_of, ratio

CAPTIONS = "ATSC A53 Part 4 Closed Captions"
SPHERICAL, STEREO = "Spherical Mapping", "Stereo 3D"
FRAMES_SEEN = "8"  # captions need not be there from the first one on
PACKED = re.compile(r"stereoscopic information: type - ([^,(]+?)(?:, view.*?)?( \(inverted\))?\s*$", re.MULTILINE)


def describe(
    path: Path,
    container: str,
    video: Mapping[str, Any],
    header: Mapping[str, Any],
    frames: Sequence[Mapping[str, Any]],
) -> Description:
    """Put together what is said in several places.

    Args:
        video, header: ffprobe's answers about the stream and about the file.
        frames: and about the stream's first frames.
    """
    stated = [*video.get("side_data_list", []), *(data for f in frames for data in f.get("side_data_list", []))]
    kinds = {data.get("side_data_type"): data for data in reversed(stated)}
    return Description(
        tags=tuple(header["format"].get("tags", {}).items()),
        dispositions=tuple(name for name, held in video["disposition"].items() if held),
        language=language_of(video),
        timecode=_timecode(video, header),
        projection=_projection(kinds[SPHERICAL]) if SPHERICAL in kinds else None,
        stereo=_stereo(path, video, kinds[STEREO]) if STEREO in kinds else None,
        captions=CAPTIONS in kinds or video.get("closed_captions", 0) == 1,
        crop=read_crop(path, _number(video, header)) if "matroska" in container else None,
    )


def _number(video: Mapping[str, Any], header: Mapping[str, Any]) -> int:
    """How many pictures come before this one in the file, attached ones left out."""
    before = header["streams"][: video["index"]]
    return sum(s.get("codec_type") == "video" and not s["disposition"]["attached_pic"] for s in before)


def _timecode(video: Mapping[str, Any], header: Mapping[str, Any]) -> TimecodeTag | None:
    """The picture's own timecode, the file's, or that of a track of it."""
    tracks = [s for s in header["streams"] if s.get("codec_tag_string") == "tmcd"]
    tags = [found.get("tags", {}) for found in (video, header["format"], *tracks)]
    lowered = [{name.lower(): text for name, text in found.items()} for found in tags]
    text = next((found["timecode"] for found in lowered if "timecode" in found), None)
    rates = [ratio(track.get("avg_frame_rate", "")) for track in tracks]
    rates += [ratio(video.get(key, "")) for key in ("r_frame_rate", "avg_frame_rate")]
    rate = next((rate for rate in rates if rate), None)
    reel = next((found["reel_name"] for found in lowered if "reel_name" in found), None)
    return None if text is None or rate is None else TimecodeTag(text, rate, reel)


def _projection(data: Mapping[str, Any]) -> Projection:
    yaw, pitch, roll = (round(Fraction(str(data.get(name, 0)))) for name in ("yaw", "pitch", "roll"))
    left, top, right, bottom = (int(data.get(f"bound_{side}", 0)) for side in ("left", "top", "right", "bottom"))
    bounds = (left, top, right, bottom)
    return Projection(data.get("projection", "unknown"), (yaw, pitch, roll), bounds, int(data.get("padding", 0)))


def _stereo(path: Path, video: Mapping[str, Any], data: Mapping[str, Any]) -> Stereo | None:
    """From ffprobe's answer about the stream; where the frames alone tell, from a filter that shows what it is."""
    if "type" in data:
        return None if data["type"] == "2D" else Stereo(data["type"], bool(data.get("inverted")))
    limits = [word for name, value in SOURCE_LIMITS.items() for word in (f"-{name}", value)]
    command = [find_tool("ffmpeg"), "-hide_banner", "-nostdin", *limits, "-i", source_url(path)]
    command += ["-map", f"0:{video['index']}", "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-"]
    messages = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).stderr
    found = PACKED.search(messages.decode("utf-8", "replace"))
    return None if found is None or found[1] == "2D" else Stereo(found[1], bool(found[2]))
