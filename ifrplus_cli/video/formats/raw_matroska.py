"""Write raw frames with exact times as a byte stream: Matroska with uncompressed video, one cluster per frame.

A bare rawvideo pipe has no times; this is the smallest stream that has, and ffmpeg can read it from a pipe.
Element numbers are those of RFC 9559 (Matroska) and RFC 8794 (EBML).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ifrplus_cli.description import Projection
from ifrplus_cli.pixel_formats import PIXEL_FORMATS, Chroma, PixelFormat
from ifrplus_cli.values import LightInfo, Plane
from ifrplus_cli.video.formats.stereo import EQUIRECTANGULAR, MATROSKA_PROJECTIONS, projection_numbers

NANOSECONDS = 10**9
NO_LIGHT = LightInfo()
UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"
# libavcodec's fourcc of a raw format: fixed letters for 8 bits; kind, plane count, chroma and depth for others.
FOURCC_8_BIT = {
    Chroma.GRAY: b"Y800",
    Chroma.C420: b"I420",
    Chroma.C422: b"Y42B",
    Chroma.C444: b"444P",
    Chroma.RGB: b"G3\x00\x08",
}
FOURCC_DEEP = {
    Chroma.GRAY: b"Y1\x00",
    Chroma.C420: b"Y3\x0b",
    Chroma.C422: b"Y3\x0a",
    Chroma.C444: b"Y3\x00",
    Chroma.RGB: b"G3\x00",
}
# Sent to ffmpeg as packed RGBA, because its scaler changes 8-bit alpha by one between packed and planar.
PACKED_ALPHA = "gbrap"


def stream_header(
    pixel_format: PixelFormat,
    width: int,
    height: int,
    rate: Fraction,
    light: LightInfo = NO_LIGHT,
    projection: Projection | None = None,
) -> bytes:
    """Return everything that comes before the first frame.

    Args:
        pixel_format: format of the frames.
        width: in pixels.
        height: in pixels.
        rate: nominal frames per second, by which an encoder chooses its level; the times come with the frames.
        light: light metadata of an HDR film; ffmpeg passes it on to the file that it writes.
        projection: how the picture is wrapped around the viewer; passed on likewise.
    """
    described = _element(0x2EB524, _fourcc(pixel_format))
    if colour := _content_light(light) + _mastering(light):
        described += _element(0x55B0, colour)
    if projection is not None and projection.kind in MATROSKA_PROJECTIONS:
        described += _element(0x7670, _wrapped(projection))
    return _header(width, height, rate, described)


def image_stream_header(width: int, height: int, rate: Fraction) -> bytes:
    """Return everything that comes before image files that follow as frames; the reader must know their format."""
    return _header(width, height, rate, b"")


def _header(width: int, height: int, rate: Fraction, described: bytes) -> bytes:
    video = _element(0xB0, _uint(width)) + _element(0xBA, _uint(height)) + described
    track = (
        _element(0xD7, _uint(1))
        + _element(0x73C5, _uint(1))
        + _element(0x83, _uint(1))
        + _element(0x9C, _uint(0))
        + _element(0x86, b"V_UNCOMPRESSED")
        + _element(0x23E383, _uint(round(NANOSECONDS / rate)))
        + _element(0xE0, video)
    )
    ebml = _element(0x4282, b"matroska") + _element(0x4287, _uint(4)) + _element(0x4285, _uint(2))
    info = _element(0x2AD7B1, _uint(1)) + _element(0x4D80, b"ifrplus") + _element(0x5741, b"ifrplus")
    return (
        _element(0x1A45DFA3, ebml)
        + _id(0x18538067)
        + UNKNOWN_SIZE
        + _element(0x1549A966, info)
        + _element(0x1654AE6B, _element(0xAE, track))
    )


def frame_header(pts: Fraction, frame_bytes: int) -> bytes:
    """Return what comes before the samples of one frame.

    Args:
        pts: time in seconds, not negative; stored to the nanosecond.
        frame_bytes: size of the samples that follow.
    """
    block = b"\x81\x00\x00\x80"  # track 1, time of the cluster, key frame
    time = _element(0xE7, _uint(round(pts * NANOSECONDS)))
    block_header = _id(0xA3) + _size(len(block) + frame_bytes) + block
    return _id(0x1F43B675) + _size(len(time) + len(block_header) + frame_bytes) + time + block_header


def raw_planes(planes: Sequence[Plane], pixel_format: PixelFormat) -> list[Plane]:
    """Return planes in the layout that follows a frame's header."""
    if pixel_format.name != PACKED_ALPHA:
        return [np.ascontiguousarray(plane) for plane in planes]
    green, blue, red, alpha = planes
    return [np.ascontiguousarray(np.dstack([red, green, blue, alpha]))]


def _fourcc(pixel_format: PixelFormat) -> bytes:
    if pixel_format == PIXEL_FORMATS[PACKED_ALPHA]:
        return b"RGBA"
    if pixel_format.depth == 8 and not pixel_format.alpha:
        return FOURCC_8_BIT[pixel_format.chroma]
    kind = FOURCC_DEEP[pixel_format.chroma]
    planes = b"4" if pixel_format.alpha else kind[1:2]
    return kind[:1] + planes + kind[2:] + bytes([pixel_format.depth])


def _wrapped(projection: Projection) -> bytes:
    private = b"" if projection.kind == EQUIRECTANGULAR else bytes(4) + projection_numbers(projection)
    pose = zip((0x7673, 0x7674, 0x7675), projection.pose, strict=True)
    return (
        _element(0x7671, _uint(MATROSKA_PROJECTIONS[projection.kind]))
        + (_element(0x7672, private) if private else b"")
        + b"".join(_element(number, struct.pack(">d", angle)) for number, angle in pose)
    )


def _content_light(light: LightInfo) -> bytes:
    if light.content is None:
        return b""
    return _element(0x55BC, _uint(light.content.max_content)) + _element(0x55BD, _uint(light.content.max_average))


def _mastering(light: LightInfo) -> bytes:
    if (display := light.mastering) is None:
        return b""
    points = (*display.red, *display.green, *display.blue, *display.white)
    values = (*points, display.max_luminance, display.min_luminance)
    elements = (_element(number, struct.pack(">d", value)) for number, value in enumerate(values, start=0x55D1))
    return _element(0x55D0, b"".join(elements))


def _id(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _size(size: int) -> bytes:
    return (size | 1 << 56).to_bytes(8, "big")


def _uint(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _element(number: int, payload: bytes) -> bytes:
    return _id(number) + _size(len(payload)) + payload
