"""A generated film of any size and length, to time a whole run on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.synthetic_scene import moving_scene
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.values import ColourTags, Frame, Timing
from ifrplus_cli.video.formats.raw_matroska import frame_header, stream_header
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

CLIP_RATE = Fraction(25)
CLIP_COLOUR = ColourTags("bt709", "bt709", "bt709", "tv")


def write_clip(folder: Path, size: tuple[int, int], count: int) -> Path:
    """Write a film of ``count`` frames of the generated scene: 25 per second, in H.264 as ``upsample`` writes it.

    Args:
        size: (width, height) in pixels.
    """
    width, height = size
    pixel_format = PIXEL_FORMATS["yuv420p"]
    convert = Converter(pixel_format, CLIP_COLOUR, width, height)
    frames = [
        Frame(index / CLIP_RATE, convert.to_planes(image))
        for index, image in enumerate(moving_scene(width, height, count))
    ]
    raw, film = folder / "raw.mkv", folder / "clip.mp4"
    with raw.open("wb") as file:  # the encoder can only be planned for a source that exists
        file.write(stream_header(pixel_format, width, height, CLIP_RATE))
        for frame in frames:
            file.write(frame_header(frame.pts, pixel_format.frame_bytes(width, height)))
            file.writelines(plane.tobytes() for plane in frame.planes)
    plan = plan_encode(probe(raw), target_of(film), EncodeOptions(), Timing(1 / CLIP_RATE, CLIP_RATE, 1 / CLIP_RATE))
    with VideoEncoder(plan, film) as encoder:
        for frame in frames:
            encoder.write(frame)
        encoder.finish()
    return film
