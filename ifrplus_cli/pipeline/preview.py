"""Make a quick preview of the busiest section of a film: source and result side by side in one video, with labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import PartFile
from ifrplus_cli.frames.timeline import rate_text
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.over_white import OverWhite
from ifrplus_cli.pipeline.run import Hooks, RunProgress, run_job
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.pixel_formats import Chroma, PixelFormat
from ifrplus_cli.values import ClipInfo, Frame, Plane
from ifrplus_cli.video.formats.streams import decode_format_of
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.sampling import busiest
from ifrplus_cli.video.reading.trim import FrameNumber
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import EncodePlan, plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import ImagesTarget, target_of

LARGEST = 960  # pixels: longer side of each of the two pictures
LABEL_SHARE, LEAST_LABEL = 16, 14  # a label's height is the picture's divided by one, but at least the other in pixels
BLACK, GREY, WHITE = 16, 128, 235  # 8-bit codes


@dataclass(frozen=True)
class Preview:
    """A finished preview.

    Attributes:
        start, end: of the section in seconds, from the beginning of the film.
        frames: number of frames of the video.
        stacked: whether the source is above the result instead of on its left.
        seconds: time that making the result took.
    """

    start: float
    end: float
    frames: int
    stacked: bool
    seconds: float


def make_preview(
    clip: ClipInfo,
    output: Path,
    options: UpsampleOptions,
    seconds: float,
    load: Callable[[Job], LoadedModel],
    progress: Callable[[RunProgress], None] = lambda _: None,
) -> Preview:
    """Write a video of the section that changes most; it appears under its name when it is finished and verified.

    Args:
        clip: the whole film.
        options: as for the whole film; the section is searched for between its start and end.
        seconds: length of the section.
        load: returns the network for a job.

    Raises:
        IfrplusError: if anything fails; no partial output is left.
    """
    if isinstance(target_of(output, clip.source.image_suffix), ImagesTarget):
        raise OutputError("A preview is one film.", "Give it a name such as preview.mp4.")
    used = plan_job(clip, output, options).clip
    first = used.section.number if used.section else 0
    part = busiest(clip, range(first, first + len(used.packet_pts)), seconds)
    with tempfile.TemporaryDirectory(prefix="ifrplus-") as folder, PartFile(output) as place:
        limited = replace(
            options,
            start=FrameNumber(part.start),
            end=FrameNumber(part.stop),
            loop=options.loop and len(part) == len(used.packet_pts),
            encode=EncodeOptions(codec="ffv1"),
            overwrite=True,
            resume=False,
        )
        job = plan_job(_smaller(clip), Path(folder) / "result.mkv", limited)
        summary = run_job(job, load(job), Hooks(progress))
        width, height = job.clip.upright_size
        stacked = height > width
        rows, columns = (2, 1) if stacked else (1, 2)
        shown = replace(job.clip, display_matrix=None, width=columns * width, height=rows * height)
        plan = plan_encode(shown, target_of(output), options.encode, job.encode.timing, stretch=job.encode.stretch)
        opaque = OverWhite(shown.pixel_format, plan.raw_format, full_range=shown.colour.range == "pc")
        _write(plan, place.path, map(opaque, _beside(job, stacked)))
        place.publish()
    begin = float(job.clip.start - clip.start)
    return Preview(begin, begin + float(job.clip.duration), summary.frames_out, stacked, summary.seconds)


def _smaller(clip: ClipInfo) -> ClipInfo:
    """Return the clip as the decoder will scale it: even sides of at most ``LARGEST`` pixels."""
    scale = min(1.0, LARGEST / max(clip.width, clip.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (clip.width, clip.height))
    return replace(clip, width=width, height=height)


def _write(plan: EncodePlan, path: Path, frames: Iterable[Frame]) -> None:
    times: list[Fraction] = []
    with VideoEncoder(plan, path) as encoder:
        for frame in frames:
            encoder.write(frame)
            times.append(frame.pts)
        encoder.finish()
    start, last = times[0] - plan.origin, times[-1] - plan.origin
    verify(path, Promise(plan, len(times), start, last, last + plan.timing.last_duration - start))


def _beside(job: Job, stacked: bool) -> Iterator[Frame]:
    """Yield each frame of the result beside the source frame of that moment."""
    source_label = f"source, {_short(job.clip.rate)} fps"
    result_label = f"ifrplus, {_short(job.encode.timing.rate)} fps"
    axis, pixel_format = 0 if stacked else 1, job.clip.pixel_format
    with decode(job.clip, upright=True) as source, decode(_stored(job)) as result:
        made = iter(result)
        for index, (frame, after) in enumerate(pairwise(chain(source, [None]))):
            assert frame is not None
            end = frame.pts + job.clip.last_duration if after is None else after.pts
            left = labelled(frame.planes, source_label, pixel_format)
            for tick in job.timeline.ticks(index, frame.pts, end):
                right = labelled(next(made).planes, result_label, pixel_format)
                planes = (np.concatenate(pair, axis) for pair in zip(left, right, strict=True))
                yield Frame(tick.pts, tuple(planes))


def _stored(job: Job) -> ClipInfo:
    """Return the result as a clip in the source's pixel format: FFV1's packed RGB does not say whether it has alpha."""
    found, own = probe(job.output), job.clip.pixel_format
    return replace(found, pixel_format=own, decode_format=decode_format_of(own, [found.source_format]))


def labelled(planes: tuple[Plane, ...], text: str, pixel_format: PixelFormat) -> tuple[Plane, ...]:
    """Return a picture with an opaque label in its upper left corner, white on black; wide text is cut off."""
    height, width = planes[0].shape
    letters = _letters(text, max(LEAST_LABEL, height // LABEL_SHARE))[:height, :width]
    gain = 2 ** (pixel_format.depth - 8)
    marked = []
    for number, plane in enumerate(planes):
        copy = plane.copy()
        if pixel_format.alpha and plane is planes[-1]:
            copy[: letters.shape[0], : letters.shape[1]] = 2**pixel_format.depth - 1
        elif number and pixel_format.chroma is not Chroma.RGB:
            rows = -(-letters.shape[0] * plane.shape[0] // height)
            columns = -(-letters.shape[1] * plane.shape[1] // width)
            copy[:rows, :columns] = GREY * gain
        else:
            copy[: letters.shape[0], : letters.shape[1]] = letters.astype(plane.dtype) * gain
        marked.append(copy)
    return tuple(marked)


def _letters(text: str, height: int) -> npt.NDArray[np.uint8]:
    """Return a line of text as a picture, (height, width of the text), in 8-bit codes."""
    font, margin = cv2.FONT_HERSHEY_SIMPLEX, height // 4
    scale = cv2.getFontScaleFromHeight(font, height // 2)
    thickness = max(1, height // 20)
    (width, _), _ = cv2.getTextSize(text, font, scale, thickness)
    line = np.full((height, width + 2 * margin), BLACK, np.uint8)
    cv2.putText(line, text, (margin, height - margin - height // 20), font, scale, WHITE, thickness, cv2.LINE_AA)
    return line


def _short(rate: Fraction) -> str:
    return rate_text(rate).partition(" ")[0]
