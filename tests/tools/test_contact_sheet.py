"""The crops of ``tools/contact_sheet.py``, and its programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import make_clip

sys.path.append(str(Path(__file__).parents[2] / "tools"))
contact_sheet = pytest.importorskip("contact_sheet")


def grey(code: int) -> np.ndarray:
    return np.full((400, 600, 3), code, np.uint8)


def test_the_hardest_place_is_where_a_blend_is_furthest_from_the_truth() -> None:
    true, blended = [grey(90) for _ in range(3)], [grey(90) for _ in range(3)]
    blended[1][150:180, 300:360] += 80
    blended[2][:20, :20] += 40
    place = contact_sheet.hardest_place(true, blended)
    assert place.number == 1
    assert (place.cut(blended) == 170).all(2).sum() == 30 * 60
    assert place.cut(true).shape == (192, 256, 3)


def test_programs_are_commands_or_pictures() -> None:
    command = contact_sheet.program_of("now:ifrplus upsample {in} {out} --model=lite")
    assert (command.name, command.is_command) == ("now", True)
    pictures = contact_sheet.program_of("RIFE=made/{clip}/*-rife.png")
    assert (pictures.name, pictures.text, pictures.is_command) == ("RIFE", "made/{clip}/*-rife.png", False)
    for text in ("now", "now:ifrplus upsample {in}", "=made"):
        with pytest.raises(argparse.ArgumentTypeError):
            contact_sheet.program_of(text)


def test_a_row_has_the_true_crop_and_that_of_each_program(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=5)
    folder = tmp_path / "made" / "film"
    folder.mkdir(parents=True)
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}-black.png"), np.zeros((48, 64, 3), np.uint8))
    programs = [
        contact_sheet.program_of(f"black={tmp_path / 'made'}"),
        contact_sheet.program_of(f"again={tmp_path / 'made'}/{{clip}}/*-black.png"),
    ]
    row = contact_sheet.row_of(film, programs)
    width = row.shape[1] // 3
    assert row.shape == (192 + contact_sheet.LINE + contact_sheet.MARGIN, 3 * (256 + contact_sheet.MARGIN), 3)
    cell = row[contact_sheet.LINE : contact_sheet.LINE + 48]
    assert cell[:, :64].std() > 10
    assert not cell[:, width : width + 64].any() and not cell[:, 2 * width : 2 * width + 64].any()
