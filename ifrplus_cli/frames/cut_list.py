"""Read and write the list of a film's cuts, a JSON file that a person can edit."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.errors import InputError
from ifrplus_cli.files import write_whole
from ifrplus_cli.values import ClipInfo

FORMAT_HINT = 'It must look like {"cuts": [{"time": 1.24, "frame": 31}]}, as --cuts-out writes it.'
NEAR = Fraction(1, 2)  # tolerance of a listed time, in nominal frame durations


@dataclass(frozen=True)
class Cut:
    """A scene change.

    Attributes:
        frame: number of the scene's first frame in the source, counted from 0.
        time: time of that frame, in seconds after the film's first frame.
        score: difference from the frame before it, 0 to 1; None if the cut comes from a list.
    """

    frame: int
    time: Fraction
    score: float | None


def write_cuts(path: Path, cuts: Sequence[Cut]) -> None:
    """Write the list; the file only appears once it is complete.

    Raises:
        OutputError: if it can't be written.
    """
    listed = [
        {"time": round(float(cut.time), 6), "frame": cut.frame, "score": cut.score and round(cut.score, 3)}
        for cut in cuts
    ]
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in listed)
    write_whole(path, f'{{"cuts": [\n{lines}\n]}}\n' if listed else '{"cuts": []}\n', "--cuts-out")


def read_cuts(path: Path, clip: ClipInfo) -> frozenset[int]:
    """Return the numbers of the frames that begin a scene; an entry without a frame number is located by its time.

    Args:
        clip: the whole film.

    Raises:
        InputError: if the file can't be read, or names a frame that the film does not have.
    """
    try:
        entries = json.loads(path.read_text("utf-8"))["cuts"]
        return frozenset(_frame(entry, path, clip) for entry in entries)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", "Check the path.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not a list of cuts.", FORMAT_HINT) from error


def _frame(entry: dict[str, float], path: Path, clip: ClipInfo) -> int:
    count = len(clip.packet_pts)
    if "frame" in entry:
        frame = entry["frame"]
        if not isinstance(frame, int) or isinstance(frame, bool):
            raise TypeError
        if not 0 < frame < count:
            raise InputError(f"{path} has a cut at frame {frame}, and the film has {count}.", "Frames count from 0.")
        return frame
    stated = (clip.start + Fraction(str(float(entry["time"])))) / clip.time_base
    behind = bisect_left(clip.packet_pts, stated)
    nearest = min(range(max(0, behind - 1), min(count, behind + 1)), key=lambda n: abs(clip.packet_pts[n] - stated))
    if abs(clip.packet_pts[nearest] - stated) * clip.time_base > NEAR / clip.rate:
        raise InputError(f"{path} has a cut at {entry['time']} s, where the film has no frame.", FORMAT_HINT)
    return nearest
