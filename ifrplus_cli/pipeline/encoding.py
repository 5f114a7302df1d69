"""Decode, interpolate and encode at the same time: all of a film, the rest of one, or one section."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.opencv_threads import opencv_threads
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.pipeline.disk_space import watch_room
from ifrplus_cli.pipeline.filler import FilledSlot, SlotFiller
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.pipeline.loop import read_tail
from ifrplus_cli.pipeline.output_frames import mixer
from ifrplus_cli.pipeline.over_white import OverWhite
from ifrplus_cli.pipeline.segments import SegmentEncoder
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.pipeline.slots import Wanted
from ifrplus_cli.pipeline.stage_clock import StageClock
from ifrplus_cli.pipeline.stages import output_of
from ifrplus_cli.source import FrameReader
from ifrplus_cli.values import Frame
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.writing.encode import VideoEncoder

Watch = Callable[[FilledSlot], None]


@dataclass(frozen=True)
class Part:
    """Which output frames are made, and from which source frames.

    Attributes:
        wanted: the output frames, counted from the first one of the source frames that are read.
        number: number of source frames of the film before the first one that is read.
    """

    wanted: Wanted = field(default_factory=Wanted)
    number: int = 0


@dataclass(frozen=True)
class Encoded:
    """What was encoded.

    Attributes:
        reader: the reader of the source, after the last frame that was needed.
        covered: number of output frames that were laid over white because of their alpha.
    """

    reader: FrameReader
    covered: int


def encode_frames(
    job: Job,
    model: LoadedModel,
    encoder: VideoEncoder | SegmentEncoder,
    *,
    part: Part,
    clock: StageClock,
    watchers: list[Watch],
    written: Callable[[Frame], None],
    room: Path,
    check: Callable[[FrameReader, Iterator[Frame]], Iterator[Frame]] = lambda _, frames: frames,
    keeps_seen: bool = False,
    sharpness: Sharpness | None = None,
) -> Encoded:
    """Make the wanted output frames of a job, and encode them in order.

    Args:
        part: the frames to make.
        watchers: called with each slot in order, also with those of which nothing is wanted.
        written: called with each frame once it is encoded.
        room: the folder that is written to, whose disk must not become full.
        check: passes on the source frames, or raises an error.
        keeps_seen, sharpness: as for ``SlotFiller``.

    Raises:
        IfrplusError: if anything fails.
    """
    clip = job.clip
    convert = Converter(clip.pixel_format, clip.colour, job.encode.width, job.encode.height)
    filler = SlotFiller(model, convert, clock=clock, keeps_seen=keeps_seen, sharpness=sharpness)
    opaque = OverWhite(clip.pixel_format, job.encode.raw_format, full_range=clip.colour.range == "pc")
    tail = read_tail(job)
    threads = max(1, this_machine().cores() // model.at_once)
    with opencv_threads(threads), encoder, decode(clip, upright=job.encode.upright) as decoder:
        stages = output_of(
            check(decoder, clock.over("decode", iter(decoder))),
            job,
            filler,
            at_once=model.at_once,
            wanted=part.wanted,
            number=part.number,
            mix=mixer(convert) if job.options.cut_fill == "blend" else None,
            watchers=watchers,
            tail=tail,
        )
        # The inner ``decoder`` closes it before the stages that wait for it.
        with stages as output, decoder:
            for frame in output:
                with clock("encode"):
                    watch_room(room)
                    encoder.write(opaque(frame))
                written(frame)
        with clock("encode"):
            encoder.finish()
    return Encoded(decoder, opaque.covered)
