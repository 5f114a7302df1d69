"""ffmpeg's options for what a finished film says of itself: timecode, dispositions, stereo mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ifrplus_cli.video.formats.stereo import stereo_mode
from ifrplus_cli.video.other_streams.stream_mapping import Carried
from ifrplus_cli.video.reading.alpha import is_beside
from ifrplus_cli.video.writing.encode_plan import EncodePlan


def disposition_options(plan: EncodePlan, mapped: Sequence[Carried]) -> dict[str, object]:
    """Every stream's as in the source: ffmpeg would make the first of a kind the default one."""
    own = plan.clip.description.dispositions
    streams = [own, *(carried.stream.dispositions for carried in mapped)]
    return {f"disposition:{n}": "+".join(names) or "0" for n, names in enumerate(streams)}


def label_words(plan: EncodePlan) -> list[str]:
    """Words of a command line, since an option comes more than once."""
    return [word for option in _labels(plan) for word in option]


def _labels(plan: EncodePlan) -> Iterator[tuple[str, str]]:
    if plan.clip.description.timecode is not None:
        # mov and mp4 make a track of it; the source's own would count in the source's rate.
        yield "-metadata", "timecode="
        yield "-metadata:s:v:0", f"timecode={plan.timecode.text if plan.timecode else ''}"
        if plan.timecode and plan.timecode.reel:
            yield "-metadata:s:v:0", f"reel_name={plan.timecode.reel}"
    if not plan.container.holds_display_matrix:  # Matroska and WebM
        yield "-metadata:s:v:0", f"alpha_mode={'1' if is_beside(plan.codec, plan.pix_fmt) else ''}"
    if mode := stereo_mode(plan.clip.description.stereo, plan.container.muxer):
        yield "-metadata:s:v:0", f"stereo_mode={mode}"
