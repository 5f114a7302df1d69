"""A film whose size changes on the way is fitted into its first size, with a cut at each change and a note."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import ffmpeg
from upsampling import upsample

from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe

FRAMES = 5


def joined(folder: Path, sizes: list[str]) -> Path:
    """A film of parts of these sizes, a bright picture each."""
    for number, size in enumerate(sizes):
        made = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25,lutyuv=y=max(val\\,80)", "-frames:v", FRAMES)
        ffmpeg(*made, "-c:v", "libvpx", "-b:v", "1M", folder / f"{number}.webm")
    (folder / "parts.txt").write_text("".join(f"file {number}.webm\n" for number in range(len(sizes))))
    ffmpeg("-f", "concat", "-i", folder / "parts.txt", "-c", "copy", folder / "film.webm")
    return folder / "film.webm"


@pytest.mark.parametrize("threshold", [None, 0.8])
@pytest.mark.parametrize(
    "sizes",
    [["160x90", "90x160"], ["90x160", "160x90"], ["160x90", "90x160", "160x90", "320x180"]],
    ids=["turned", "turned back", "several"],
)
def test_a_change_of_size_is_fitted_cut_and_noted(sizes: list[str], threshold: float | None, tmp_path: Path) -> None:
    source = joined(tmp_path, sizes)
    summary = upsample(source, tmp_path / "film.mp4", cut_threshold=threshold)
    assert summary.frames_out == 2 * FRAMES * len(sizes)
    changes = [FRAMES * number for number in range(1, len(sizes))]
    assert [cut.frame for cut in summary.cuts] == changes
    notes = [note for note in summary.notes if "size of the picture changes" in note]
    assert len(notes) == 1 and f"changes {len(changes)} times, first to {sizes[1]} at 0.200 s" in notes[0]
    clip = probe(tmp_path / "film.mp4")
    assert f"{clip.width}x{clip.height}" == sizes[0]
    with decode(clip) as decoder:
        lumas = [frame.planes[0].astype(int) for frame in decoder]
    for cut in changes:
        assert (lumas[2 * cut - 1] == lumas[2 * cut - 2]).all()  # held, not made across
    for number, size in enumerate(sizes):
        bright = lumas[2 * FRAMES * number] > 40
        rows, columns = (int(np.count_nonzero(bright.any(axis))) for axis in (1, 0))
        width, height = (int(side) for side in size.split("x"))
        assert abs(columns * height - rows * width) <= 2 * max(width, height)  # the shape is the part's own


def test_a_part_that_begins_behind_a_change_is_fitted_too(tmp_path: Path) -> None:
    source = joined(tmp_path, ["160x90", "90x160"])
    clip = probe(source)
    with decode(clip) as decoder:
        frames = list(decoder)
        assert decoder.size_changes == [(clip.times[FRAMES], (90, 160))]
    assert [frame.source_size for frame in frames] == [None] * FRAMES + [(90, 160)] * FRAMES
    assert {frame.planes[0].shape for frame in frames} == {(90, 160)}
