"""Frames come out of any film in their own planes, each at its own time, and no process is left behind."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import children, ffmpeg, frame_hash, frame_hashes, frame_times, make_clip, probe_once, wrap_ffmpeg

from ifrplus_cli.errors import InputError, MediaToolError
from ifrplus_cli.source import FrameReader
from ifrplus_cli.values import Frame
from ifrplus_cli.video.formats.containers import write_display_matrix
from ifrplus_cli.video.reading.decode import decode

B_FRAMES = ("-preset", "medium", "-bf", "3", "-g", "20")


def decoded(path: Path, *, upright: bool = False) -> tuple[list[Frame], FrameReader]:
    with decode(probe_once(path), upright=upright) as decoder:
        return list(decoder), decoder


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cfr.mp4", {"rate": "30000/1001", "output": B_FRAMES}),
        ("ticks.mov", {"rate": "24000/1001", "output": ("-video_track_timescale", "90000")}),
        ("vfr.mp4", {"ticks": [0, 40, 90, 200, 240, 1300], "output": B_FRAMES}),
        ("vfr.mkv", {"ticks": [0, 40, 90, 200, 240, 1300], "filters": "setpts=PTS+7"}),
        ("film.mkv", {"rate": "24000/1001", "output": ("-output_ts_offset", "0.021")}),  # halfway between two ticks
        ("late.mkv", {"output": ("-output_ts_offset", "5")}),
        ("broadcast.ts", {"output": B_FRAMES}),
    ],
)
def test_every_frame_comes_at_the_time_that_its_packet_states(
    name: str, options: dict[str, object], tmp_path: Path
) -> None:
    film = make_clip(tmp_path / name, frames=12, codec="libx264", **options)  # type: ignore[arg-type]
    frames, decoder = decoded(film)
    assert [frame.pts for frame in frames] == frame_times(film)
    assert (decoder.frames, decoder.repaired_times, decoder.complaints) == (len(frames), 0, 0)


def test_frames_that_an_edit_list_hides_stay_hidden(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", frames=40, codec="libx264", output=B_FRAMES)
    ffmpeg("-ss", "1.0", "-i", whole, "-c", "copy", tmp_path / "cut.mp4")
    frames, _ = decoded(tmp_path / "cut.mp4")
    assert [frame.pts for frame in frames] == [Fraction(n, 25) for n in range(15)]
    assert [frame_hash(frame.planes) for frame in frames] == frame_hashes(whole, "yuv420p")[25:]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_an_avi_begins_at_its_first_packet_whatever_its_decoder_delays(b_frames: int, tmp_path: Path) -> None:
    old = make_clip(tmp_path / "old.avi", frames=10, codec="mpeg4", output=("-bf", b_frames))
    frames, _ = decoded(old)
    assert [frame.pts for frame in frames] == [Fraction(n, 25) for n in range(10)]


def test_times_that_stand_still_are_repaired_and_counted(clip: Path, tmp_path: Path) -> None:
    ffmpeg("-i", clip, "-c", "copy", "-bsf:v", r"setts=ts=if(gte(N\,3)\,80\,N*40)", tmp_path / "still.mkv")
    frames, decoder = decoded(tmp_path / "still.mkv")
    assert len(frames) == 6
    assert decoder.repaired_times == 3
    assert all(before.pts < after.pts for before, after in pairwise(frames))


@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p", "yuv422p10le", "yuv444p12le", "gbrp", "nv12"])
def test_planes_hold_the_very_samples(pix_fmt: str, tmp_path: Path) -> None:
    codec = "rawvideo" if pix_fmt == "nv12" else "ffv1"
    film = make_clip(tmp_path / "film.nut", pix_fmt=pix_fmt, codec=codec, size="33x21", frames=3, noise=True)
    frames, decoder = decoded(film)
    own = decoder.clip.pixel_format
    assert [frame_hash(frame.planes) for frame in frames] == frame_hashes(film, own.name)
    assert tuple(plane.shape for plane in frames[0].planes) == own.plane_shapes(33, 21)
    assert {plane.dtype for plane in frames[0].planes} == {np.dtype(own.dtype)}


@pytest.mark.parametrize("colour_range", ["tv", "pc"])
def test_the_range_is_left_alone(colour_range: str, tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=2, noise=True, filters=f"setparams=range={colour_range}")
    frames, _ = decoded(film)
    assert [frame_hash(frame.planes) for frame in frames] == frame_hashes(film, "yuv420p")


def test_a_turned_film_is_decoded_as_stored_unless_it_is_to_be_upright(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mp4", codec="libx264", frames=2)
    write_display_matrix(film, (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    stored, _ = decoded(film)
    shown, decoder = decoded(film, upright=True)
    assert [frame_hash(frame.planes) for frame in stored] == frame_hashes(film, "yuv420p")
    assert [frame_hash(frame.planes) for frame in shown] == frame_hashes(film, "yuv420p", turned=True)
    assert (decoder.width, decoder.height) == (48, 64)


def test_a_film_that_changes_its_size_comes_in_one(tmp_path: Path) -> None:
    options = {"codec": "libx264", "frames": 3, "output": ("-f", "mpegts")}
    parts = [make_clip(tmp_path / f"{size}.ts", size=size, **options) for size in ("64x48", "96x64")]  # type: ignore[arg-type]
    film = tmp_path / "film.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, _ = decoded(film)
    assert len(frames) == 6
    assert len({frame.planes[0].shape for frame in frames}) == 1


def test_a_damaged_film_gives_what_can_be_decoded_and_counts_complaints(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=30, codec="libx264", noise=True)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    frames, decoder = decoded(film)
    assert 0 < len(frames) < 30
    assert decoder.complaints > 0


def test_a_film_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mp4", codec="libx264", frames=3)
    content = bytearray(film.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : content.index(b"moov") - 4] = bytes(content.index(b"moov") - 4 - start)
    film.write_bytes(content)
    with pytest.raises(InputError):
        decoded(film)


def test_leaving_midway_stops_ffmpeg(tmp_path: Path) -> None:
    long = make_clip(tmp_path / "long.mkv", frames=200)
    with decode(probe_once(long)) as decoder:
        assert len(list(islice(decoder, 3))) == 3
        assert children()
    assert not children()


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("kill -KILL $$", "after 2 frames: it was ended by SIGKILL"),
        ("exit 1", "after 2 frames"),
    ],
)
@pytest.mark.parametrize("size", [2 * 4608, 2 * 4608 + 100], ids=["between frames", "within a frame"])
def test_an_ffmpeg_that_dies_is_an_error(
    end: str, told: str, size: int, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap_ffmpeg(tmp_path, monkeypatch, decoder=f'ffmpeg "$@" | head -c {size}; {end}')
    with pytest.raises(MediaToolError, match=told):
        decoded(clip)
    assert not children()


def test_an_ffmpeg_that_tells_no_times_is_an_error(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrap_ffmpeg(tmp_path, monkeypatch, decoder='exec ffmpeg "$@" 2>/dev/null')
    with pytest.raises(MediaToolError, match="time of a frame"):
        decoded(clip)
