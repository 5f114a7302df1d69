"""Previews: the busiest part, the source beside the result, and no picture in the wrong place."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import (
    BEEP,
    blend_model,
    ffmpeg,
    frame_times,
    make_animation,
    make_clip,
    picture,
    run_blend_here,
    run_here,
    streams,
)

from ifrplus_cli.pipeline.job import Job, UpsampleOptions
from ifrplus_cli.pipeline.preview import labelled, make_preview
from ifrplus_cli.pixel_formats import PIXEL_FORMATS
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions


def load(job: Job) -> object:
    return blend_model(size=(job.encode.height, job.encode.width))


@pytest.mark.parametrize(("size", "shown"), [("96x64", (192, 64)), ("64x96", (64, 192)), ("97x65", (192, 64))])
def test_the_source_is_held_beside_the_result(tmp_path: Path, size: str, shown: tuple[int, int]) -> None:
    clip = probe(make_clip(tmp_path / "clip.mkv", size=size, frames=20))
    output = tmp_path / "preview.mkv"
    options = UpsampleOptions(encode=EncodeOptions("ffv1"))
    preview = make_preview(clip, output, options, 0.2, load, lambda _: None)  # type: ignore[arg-type]
    found = probe(output)
    assert (found.width, found.height) == shown
    assert (preview.frames, len(found.packet_pts), preview.stacked) == (10, 10, size == "64x96")
    assert preview.end - preview.start == pytest.approx(0.2)
    with decode(found) as decoder:
        lumas = [frame.planes[0] for frame in decoder]
    halves = [np.split(luma, 2, 0 if preview.stacked else 1) for luma in lumas]
    below = 20  # rows from which on there is no label
    for number, (source, result) in enumerate(halves):
        assert np.array_equal(source[below:], halves[number // 2 * 2][0][below:])
        assert np.array_equal(source[below:], result[below:]) == (number % 2 == 0 or number == 9)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_varying_rate_a_part_and_sound_are_kept(tmp_path: Path) -> None:
    ticks = [0, 40, 90, 120, 200, 240, 300, 340]
    path = make_clip(tmp_path / "vfr.mkv", ticks=ticks, inputs=BEEP, output=("-c:a", "pcm_s16le", "-t", "0.38"))
    output = tmp_path / "preview.mov"
    options = UpsampleOptions(end=Fraction(3, 10), encode=EncodeOptions("libx264"))
    make_preview(probe(path), output, options, 30, load, lambda _: None)  # type: ignore[arg-type]
    assert [float(time) for time in frame_times(output)[::2]] == pytest.approx([0, 0.04, 0.09, 0.12, 0.2, 0.24])
    assert [stream["codec_type"] for stream in streams(output)] == ["video", "audio"]


def test_an_animation_with_alpha_is_shown_at_another_size(tmp_path: Path) -> None:
    clear = "scale=65:49,format=rgba,colorchannelmixer=aa=0.5"
    clip = probe(make_animation(tmp_path / "a.webp", frames=6, filters=clear))
    assert clip.pixel_format.alpha
    make_preview(clip, tmp_path / "preview.mkv", UpsampleOptions(), 1, load, lambda _: None)  # type: ignore[arg-type]
    found = picture(tmp_path / "preview.mkv")
    assert (found["width"], found["height"]) == (128, 48)


@pytest.mark.parametrize("name", ["preview.mp4", "preview.webm"])
def test_colours_that_nobody_sees_are_not_shown(name: str, tmp_path: Path) -> None:
    hidden = "geq=r='255*mod(N,2)':g=0:b=0:a=0,format=rgba"
    clip = probe(make_animation(tmp_path / "a.apng", frames=6, filters=hidden))
    make_preview(clip, tmp_path / name, UpsampleOptions(), 1, load, lambda _: None)  # type: ignore[arg-type]
    found = probe(tmp_path / name)
    with decode(found) as decoder:
        frames = [frame.planes for frame in decoder]
    labels, below = (slice(0, 14), slice(0, 60)), (slice(20, None), slice(None))
    for planes in frames:
        if found.pixel_format.alpha:
            assert planes[3][labels].min() > 250
            assert planes[3][below].max() < 5
        else:
            assert planes[0][below].min() > 225


def test_a_turned_clip_is_shown_upright(tmp_path: Path) -> None:
    flat = make_clip(tmp_path / "flat.mp4", codec="libx264", size="96x64")
    path = tmp_path / "turned.mp4"
    ffmpeg("-i", flat, "-c", "copy", "-metadata:s:v", "rotate=90", path)
    clip = probe(path)
    if clip.display_matrix is None:
        pytest.skip("this ffmpeg writes no rotation")
    preview = make_preview(clip, tmp_path / "p.mp4", UpsampleOptions(), 1, load, lambda _: None)  # type: ignore[arg-type]
    assert preview.stacked
    shown = picture(tmp_path / "p.mp4")
    assert (shown["width"], shown["height"]) == (64, 192)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gray", "gbrp", "yuva420p", "gbrap"])
def test_labels_are_readable_in_any_format(name: str) -> None:
    pixel_format = PIXEL_FORMATS[name]
    planes = tuple(np.full(shape, 100, pixel_format.dtype) for shape in pixel_format.plane_shapes(200, 100))
    marked = labelled(planes, "source, 25 fps", pixel_format)
    top = 2 ** (pixel_format.depth - 8)
    assert marked[0][:14, :60].min() == 16 * top
    assert marked[0][:14, :60].max() > 200 * top
    assert np.all(marked[0][14:] == 100)
    assert np.all(planes[0] == 100)
    assert not pixel_format.alpha or np.all(marked[3][:14, :60] == 255)
    narrow = tuple(plane[:, :20] for plane in planes)
    assert labelled(narrow, "source, 25 fps", pixel_format)[0].shape == narrow[0].shape


def test_the_command_writes_one_and_says_where_it_is_from(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mkv", frames=20)
    done = run_blend_here("upsample", "clip.mkv", "p.mp4", "--preview", "0.5", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the source on the left, the result on the right" in done.stderr
    told = run_blend_here("upsample", "clip.mkv", "p.mp4", "--preview", "0.5", "-y", "--json", folder=tmp_path)
    assert json.loads(told.stdout)["frames"] == len(frame_times(tmp_path / "p.mp4"))
    refused = run_here("upsample", "clip.mkv", "q.mp4", "--preview", "1", "--resume", folder=tmp_path)
    assert refused.returncode == 2


@pytest.mark.parametrize("seconds", [0.4, 30])
def test_a_loop_is_closed_only_where_all_of_it_is_shown(seconds: float, tmp_path: Path) -> None:
    clip, output = probe(make_clip(tmp_path / "clip.mkv", frames=20)), tmp_path / "preview.mkv"
    options = UpsampleOptions(loop=True, cut_threshold=None, encode=EncodeOptions("ffv1"))
    make_preview(clip, output, options, seconds, load, lambda _: None)  # type: ignore[arg-type]
    with decode(probe(output)) as decoder:
        *_, before, last = (frame.planes[0][20:, 64:] for frame in decoder)
    assert np.array_equal(before, last) == (seconds < 1)
