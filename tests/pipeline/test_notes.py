"""What was found while a source was read is said in full sentences, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_up import STEP, clip_of

from ifrplus_cli.pipeline.notes import notes_on, seam_notes
from ifrplus_cli.values import PairKind, Section

FINE = {"frames": 6, "complaints": 0, "repaired_times": 0, "size_changes": ()}


@pytest.mark.parametrize(
    ("found", "counts", "told"),
    [
        ({}, {}, []),
        (
            {"complaints": 3, "frames": 5},
            {},
            ["ffmpeg reported 3 errors, and 5 frames could be decoded from 6 packets"],
        ),
        ({"frames": 5}, {}, ["Only 5 frames could be decoded from the 6 video packets"]),
        ({"repaired_times": 2}, {}, ["2 frames of the source have no usable time"]),
        ({}, {"covered": 4}, ["libx264 can't store transparency"]),
        ({}, {"smoothed": 2}, ["2 repeated frames"]),
        ({"frames": 5}, {"smoothed": 2}, ["Only 5 frames", "2 repeated frames"]),
    ],
)
def test_each_finding_is_said(found: dict[str, int], counts: dict[str, int], told: list[str]) -> None:
    reader = SimpleNamespace(**{**FINE, **found})
    notes = list(notes_on(clip_of(6), reader, codec="libx264", **{"smoothed": 0, "covered": 0, **counts}))  # type: ignore[arg-type]
    assert len(notes) == len(told)
    assert all(part in note for part, note in zip(told, notes, strict=True))


def test_a_film_that_is_marked_as_interlaced_is_mentioned_unless_it_was_deinterlaced() -> None:
    reader, counts = SimpleNamespace(**FINE), {"smoothed": 0, "covered": 0, "codec": "libx264"}
    marked = replace(clip_of(6), field_order="tt")
    (note,) = notes_on(marked, reader, **counts)  # type: ignore[arg-type]
    assert "marked as interlaced" in note
    assert not list(notes_on(replace(marked, deinterlace="bwdif"), reader, **counts))  # type: ignore[arg-type]


def test_a_seam_across_which_nothing_is_made_is_said() -> None:
    clip = clip_of(6)
    assert not [*seam_notes(clip, None), *seam_notes(clip, PairKind.MOTION)]
    (note,) = seam_notes(clip, PairKind.CUT)
    assert "the loop has a cut there" in note
    part = Section(clip.start, 4, 4 * STEP, 4 * STEP, 10 * STEP)
    assert ["--end 5f" in note for note in seam_notes(clip, PairKind.DUPLICATE)] == [True]
    assert ["--end 9f" in note for note in seam_notes(replace(clip, section=part), PairKind.DUPLICATE)] == [True]
    assert not list(seam_notes(clip_of(1), PairKind.DUPLICATE))
