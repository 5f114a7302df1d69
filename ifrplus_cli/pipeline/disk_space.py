"""Disk space: estimated before a run, and watched during it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import LEAST_FREE, size_text
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.encoders import DEFAULT_CRF

CERTAIN_SHARE = 10  # a run is refused only if the estimate divided by this does not fit
# Bits per pixel of real footage at the default quality of each encoder; a step of 6 in crf halves them.
BITS_A_PIXEL = {"libx264": 0.15, "libx265": 0.08, "libvpx-vp9": 0.06, "libsvtav1": 0.05}
LOSSLESS_SHARE = 0.5  # of the raw picture, for encoders that are not in the table


def picture_bytes(plan: EncodePlan, frames: int) -> int:
    """Estimate the size of some output frames in bytes."""
    pixels = plan.stored_width * plan.stored_height
    if plan.codec not in BITS_A_PIXEL:
        return round(
            frames * LOSSLESS_SHARE * plan.clip.pixel_format.frame_bytes(plan.stored_width, plan.stored_height)
        )
    crf = usual = DEFAULT_CRF[plan.codec]
    with suppress(ValueError):  # the encoder itself refuses what is no number
        crf = float(dict(plan.encoder_options).get("crf", usual))
    return round(frames * pixels * BITS_A_PIXEL[plan.codec] * 2 ** ((usual - crf) / 6) / 8)


def check_room(folder: Path, needed: int, say: Callable[[str], None]) -> None:
    """Compare an estimate with the free space; a note says if it may be too little.

    Args:
        needed: estimated size of the film in bytes.
        say: receives the note.

    Raises:
        OutputError: if the free space is certainly too little.
    """
    free = shutil.disk_usage(folder).free
    hint = "Free some space, or choose another folder."
    if free < LEAST_FREE:
        raise OutputError(f"{folder} has {size_text(free)} free, and {size_text(LEAST_FREE)} stay unused.", hint)
    if free < needed / CERTAIN_SHARE:
        raise OutputError(f"{folder} has {size_text(free)} free, and the film needs about {size_text(needed)}.", hint)
    if free < needed:
        say(f"{folder} has {size_text(free)} free; the film may need {size_text(needed)}.")


def watch_room(folder: Path) -> None:
    """Stop before a disk is completely full.

    Raises:
        OutputError: if less than ``LEAST_FREE`` is left.
    """
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise OutputError("The disk is full.", f"Free some space for {folder}: only {size_text(free)} is left.")
