"""Pictures for two eyes, and those that are wrapped around the viewer: how each kind of file says so.

Sources: RFC 9559 (Matroska), Google's Spherical Video V2 for mp4 and mov.
"""

from __future__ import annotations

import struct

from ifrplus_cli.description import Projection, Stereo
from ifrplus_cli.video.formats.boxes import Box, stored

# Matroska's words for a stereo mode, the right eye's picture second and first; WebM has the first two kinds alone.
STEREO_MODES = {
    "side by side": ("left_right", "right_left"),
    "top and bottom": ("top_bottom", "bottom_top"),
    "checkerboard": ("checkerboard_lr", "checkerboard_rl"),
    "interleaved lines": ("row_interleaved_lr", "row_interleaved_rl"),
    "interleaved columns": ("col_interleaved_lr", "col_interleaved_rl"),
    "frame alternate": ("block_lr", "block_rl"),
}
WEBM_MODES = {"left_right", "right_left", "top_bottom", "bottom_top"}
# Numbers of the box st3d, and of H.264's message (ITU-T H.264, D.2.26), both with the left eye's picture first.
ST3D = {"top and bottom": 1, "side by side": 2}
FRAME_PACKING = {
    "checkerboard": 0,
    "interleaved columns": 1,
    "interleaved lines": 2,
    "side by side": 3,
    "top and bottom": 4,
    "frame alternate": 5,
}
EQUIRECTANGULAR, TILED, CUBEMAP = "equirectangular", "tiled equirectangular", "cubemap"
MATROSKA_PROJECTIONS = {EQUIRECTANGULAR: 1, TILED: 1, CUBEMAP: 2}
DEGREE = 1 << 16


def stereo_mode(stereo: Stereo | None, muxer: str) -> str | None:
    """Matroska's word for it, None where there is none."""
    modes = STEREO_MODES.get(stereo.kind) if stereo else None
    mode = modes[stereo.inverted] if stereo and modes else None
    return mode if mode in WEBM_MODES or muxer == "matroska" else None


def packing_options(codec: str, stereo: Stereo | None) -> dict[str, str]:
    """Options by which an encoder says in its own stream how two eyes' pictures are packed."""
    if codec != "libx264" or stereo is None or stereo.inverted or stereo.kind not in FRAME_PACKING:
        return {}
    return {"x264-params": f"frame-packing={FRAME_PACKING[stereo.kind]}"}


def stereo_box(stereo: Stereo | None) -> list[Box]:
    """The box of an mp4 or mov that says how two eyes' pictures are packed."""
    if stereo is None or stereo.inverted or stereo.kind not in ST3D:
        return []
    return [Box(b"st3d", bytes(4) + bytes([ST3D[stereo.kind]]))]


def projection_box(projection: Projection | None) -> list[Box]:
    """The box of an mp4 or mov that says how a picture is wrapped around the viewer."""
    if projection is None or projection.kind not in MATROSKA_PROJECTIONS:
        return []
    pose = struct.pack(">3i", *(angle * DEGREE for angle in projection.pose))
    kind = b"cbmp" if projection.kind == CUBEMAP else b"equi"
    numbers = Box(kind, bytes(4) + projection_numbers(projection))
    wrapped = Box(b"proj", stored((Box(b"prhd", bytes(4) + pose), numbers)))
    return [Box(b"sv3d", stored((Box(b"svhd", bytes(4) + b"ifrplus\0"), wrapped)))]


def projection_numbers(projection: Projection) -> bytes:
    """What both kinds of file store of a projection behind its version: a cube's layout, or the bounds of a tile."""
    if projection.kind == CUBEMAP:
        return struct.pack(">2I", 0, projection.padding)
    left, top, right, bottom = projection.bounds
    return struct.pack(">4I", top, bottom, left, right)
