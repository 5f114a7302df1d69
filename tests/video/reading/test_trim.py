"""Sections of films: their frames and times, and all other streams cut at the same instants."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import BEEP, ffmpeg, frame_hashes, frame_times, look_at, make_clip, probe_once, streams
from hypothesis import given
from hypothesis import strategies as st
from sounds import RATE, clicks, sound
from upsampling import LOSSLESS, upsample

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.trim import FrameNumber, Moment, cut_section, last_frames

MILLISECOND = Fraction(1, 1000)
SWEEP = ("-f", "lavfi", "-i", f"aevalsrc='0.4*sin(2*PI*(300+200*t)*t)':s={RATE}:d=4")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at 25 frames per second, with B-frames and key frames two seconds apart."""
    path = tmp_path_factory.mktemp("trim") / "long.mp4"
    return make_clip(path, frames=100, codec="libx264", output=("-preset", "fast", "-bf", 2, "-g", 50))


@pytest.fixture(scope="module")
def clip_info(long: Path) -> ClipInfo:
    """The properties of the long clip."""
    return probe_once(long)


@pytest.mark.parametrize(
    ("start", "end", "first", "behind"),
    [
        (Fraction(1), Fraction(2), 25, 50),
        (FrameNumber(30), FrameNumber(31), 30, 31),
        (Fraction("0.1"), Fraction("0.5"), 3, 13),  # between two frames: the later one
        (Fraction("0.0404"), Fraction("0.0796"), 1, 2),  # as near to a frame as a rounded time: that frame
        (None, Fraction("0.01"), 0, 1),
        (FrameNumber(98), Fraction(99), 98, 100),
        (None, FrameNumber(100), 0, 100),
    ],
)
def test_a_section_has_the_frames_from_its_start_to_before_its_end(
    start: Moment | None, end: Moment | None, first: int, behind: int, long: Path
) -> None:
    clip = probe_once(long)
    cut = cut_section(clip, start, end)
    assert cut.times == clip.times[first:behind]
    assert cut.end == (*clip.times, clip.end)[behind]


@given(moments=st.lists(st.fractions(0, 4), min_size=2, max_size=4, unique=True))
def test_sections_that_meet_share_no_frame_and_lack_none(moments: list[Fraction], clip_info: ClipInfo) -> None:
    clip = clip_info
    times: list[Fraction] = []
    length = Fraction(0)
    for start, end in pairwise([Fraction(0), *sorted(moments), Fraction(4)]):
        try:
            cut = cut_section(clip, start, end)
        except InputError:
            continue
        times += cut.times
        length += cut.duration
    assert tuple(times) == clip.times
    assert length == clip.duration


@pytest.mark.parametrize("name", ["film.mov", "film.mkv"])
def test_a_section_near_the_start_of_a_film_that_finds_no_place_before_it(name: str, tmp_path: Path) -> None:
    """In .flv with late sound, because of B-frames ffmpeg looks for a place before the first packet."""
    source, picture = tmp_path / "in.flv", ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.8")
    codecs = ("-c:v", "libx264", "-preset", "fast", "-bf", 2, "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "0.8")
    ffmpeg(*picture, "-itsoffset", "0.05", *SWEEP, *codecs, source)
    assert upsample(source, tmp_path / name, start=FrameNumber(3), end=FrameNumber(8)).notes == ()
    (sound_stream,) = streams(tmp_path / name, "audio")
    assert int(sound_stream["index"]) == 1
    assert len(frame_times(tmp_path / name)) == 10


def test_a_frame_that_is_held_for_long_is_cut_at_the_requested_time(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "held.mp4", codec="libx264", ticks=[0, 40, 80, 4000, 4040, 4080])
    cut = cut_section(probe_once(source), Fraction("1.5"), Fraction(3))
    assert (cut.times, cut.end) == ((Fraction("1.5"),), Fraction(3))
    upsample(source, tmp_path / "film.mp4", start=Fraction("3.5"), end=Fraction("4.08"))
    assert frame_times(tmp_path / "film.mp4") == [n * MILLISECOND for n in (0, 250, 500, 520, 540, 560)]
    assert frame_hashes(tmp_path / "film.mp4", "yuv420p")[::2] == frame_hashes(source, "yuv420p")[2:5]


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (Fraction(4), None, "has no frame at --start: it has 100 frames in 4.000 s"),
        (FrameNumber(100), None, "has no frame at --start"),
        (Fraction(2), Fraction(1), "no frame between"),
        (Fraction("1.001"), Fraction("1.039"), "no frame between"),
    ],
)
def test_a_section_without_a_frame_is_refused(start: Moment, end: Moment | None, told: str, long: Path) -> None:
    with pytest.raises(InputError, match=told):
        cut_section(probe_once(long), start, end)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_the_frames_of_a_section_are_the_sources_own_from_zero_on(name: str, long: Path, tmp_path: Path) -> None:
    upsample(long, tmp_path / name, encode=LOSSLESS, start=FrameNumber(61), end=FrameNumber(70))
    assert frame_times(tmp_path / name) == [n * Fraction(1, 50) for n in range(18)]
    assert frame_hashes(tmp_path / name, "yuv420p")[::2] == frame_hashes(long, "yuv420p")[61:70]


@pytest.mark.parametrize(("name", "codec"), [("far.ts", "libx264"), ("far.mpg", "mpeg2video")])
@pytest.mark.parametrize(("start", "end"), [(6, 7), (8, 14), (18, 19)])
def test_a_section_far_behind_a_key_frame_lacks_no_frame(
    name: str, codec: str, start: int, end: int, tmp_path: Path
) -> None:
    """In these containers ffmpeg begins at any packet, and drops what can't be decoded before the next key frame."""
    few_keys = ("-g", 300, "-keyint_min", 300, "-sc_threshold", 1_000_000_000)
    clip = probe_once(make_clip(tmp_path / name, frames=500, codec=codec, output=few_keys))
    section = cut_section(clip, Fraction(start), Fraction(end))
    with decode(section) as decoder:
        times = [frame.pts - clip.start for frame in decoder]
    assert times == [Fraction(number, 25) for number in range(25 * start, 25 * end)]


def test_a_section_of_which_no_frame_can_be_decoded_is_an_error_and_no_standstill(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "damaged.mkv", frames=220, size="320x240", noise=True)
    section = cut_section(probe_once(path), Fraction(8), Fraction(9))
    never = replace(section, section=replace(section.section, end=section.section.first))
    with decode(never) as decoder, pytest.raises(InputError, match="No frame of damaged"):
        list(decoder)


def test_a_rate_of_ntsc_and_a_late_start_are_cut_between_the_same_frames(tmp_path: Path) -> None:
    late = make_clip(tmp_path / "late.mp4", frames=40, rate="30000/1001", codec="libx264", filters="setpts=PTS+7/TB")
    upsample(late, tmp_path / "film.mp4", start=Fraction("0.334"), end=Fraction("0.667"))  # of frames 10 and 20
    assert frame_times(tmp_path / "film.mp4") == [n * Fraction(1001, 60000) for n in range(20)]
    assert frame_hashes(tmp_path / "film.mp4", "yuv420p")[::2] == frame_hashes(late, "yuv420p")[10:20]


@pytest.mark.parametrize(
    ("codec", "slack", "name"),
    [("aac", 0.1, "film.mp4"), ("aac", 1.2, "film.mkv"), ("flac", 0.1, "film.mp4"), ("flac", 0.1, "film.mkv")],
)
def test_everything_is_cut_at_the_same_instants(
    codec: str, slack: float, name: str, talking: Path, tmp_path: Path
) -> None:
    source = talking if codec == "aac" else tmp_path / "source.mkv"
    if codec != "aac":
        maps = ("-map", "0:v", "-map", "0:a", "-map", "0:s")
        ffmpeg("-i", talking, *maps, "-c", "copy", "-c:a", codec, "-c:s", "srt", source)
    film = tmp_path / name
    upsample(source, film, start=Fraction("0.9"), end=Fraction("2.2"))
    begin = frame_times(talking)[23]
    assert np.abs(np.subtract(clicks(film), [1000 - 920, 2000 - 920])).max() < slack
    assert (begin, frame_times(film)[-1]) == (Fraction("0.92"), Fraction("1.26"))
    texts = [p for p in look_at(film)["packets"] if p["codec_type"] == "subtitle" and int(p["size"]) > 2]
    spans = [(float(p["pts_time"]), float(p["pts_time"]) + float(p["duration_time"])) for p in texts]
    assert np.allclose(spans, [(0, 0.58), (0.88, 1.28)], atol=0.0011)
    told = [(float(c["start_time"]), float(c["end_time"]), c["tags"]["title"]) for c in look_at(film)["chapters"]]
    assert [title for *_, title in told] == ["One; a=b", "Two"]
    assert np.allclose([span for *span, _ in told], [(0, 0.58), (0.58, 1.28)], atol=0.0011)


@pytest.mark.parametrize("start", [23, 50])  # between key frames, and at one
@pytest.mark.parametrize(("codec", "alike"), [("aac", 0.003), ("libmp3lame", 0.001), ("ac3", 0.001), ("libopus", 0.02)])
def test_copied_sound_begins_and_ends_within_a_packet_in_mp4(
    codec: str, alike: float, start: int, long: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.mp4"
    ffmpeg("-i", long, *SWEEP, "-c:v", "copy", "-c:a", codec, "-shortest", source)
    upsample(source, tmp_path / "film.mp4", start=FrameNumber(start), end=FrameNumber(start + 30))
    begin, length = start * RATE // 25, 30 * RATE // 25
    found, wanted = sound(tmp_path / "film.mp4"), sound(source)[begin : begin + length]
    assert length <= len(found) < length + RATE // 25
    assert np.abs(found[:length] - wanted).max() < alike
    assert np.abs(found[: length - 48] - wanted[48:]).max() > 0.1, "a millisecond late would be seen"


def test_sound_with_a_hole_where_a_section_begins_stays_where_it_is(long: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    ffmpeg(
        "-i", long, *SWEEP, "-c", "copy", "-c:a", "aac", "-bsf:a", "noise=drop=between(n\\,37\\,64)", "-t", 3, source
    )
    upsample(source, tmp_path / "film.mp4", start=FrameNumber(25), end=FrameNumber(60))
    found, wanted = sound(tmp_path / "film.mp4"), sound(source)[RATE:]
    assert np.abs(found[: RATE * 36 // 100]).max() < 0.001
    begin, end = RATE // 2, RATE
    gaps = [np.abs(found[begin + late : end + late] - wanted[begin:end]).max() for late in range(-RATE // 1000, 49)]
    assert min(gaps) < 0.02, "within a millisecond it is the same"


def test_streams_that_lie_outside_the_section_do_not_stop_it(talking: Path, tmp_path: Path) -> None:
    upsample(talking, tmp_path / "film.mkv", start=Fraction("1.6"), end=Fraction("1.7"))
    assert [stream["codec_type"] for stream in streams(tmp_path / "film.mkv")][:2] == ["video", "audio"]


def test_sound_that_ends_before_the_section_is_not_called_empty(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", frames=25, codec="libx264", inputs=(*BEEP[:3], f"{BEEP[3]}:duration=0.3"))
    summary = upsample(source, tmp_path / "film.mp4", start=Fraction(1, 2))
    assert summary.notes == ("The audio stream 1 has nothing in the section and is left out.",)


@pytest.mark.parametrize("distance", [10, 2])
def test_other_pictures_come_along_if_a_key_frame_begins_in_the_section(distance: int, tmp_path: Path) -> None:
    other = ("-f", "lavfi", "-i", "testsrc=s=96x64:r=25", "-g", distance, "-t", 0.4)
    source = make_clip(tmp_path / "a.mp4", frames=10, codec="libx264", inputs=other[:4], output=other[4:])
    summary = upsample(source, tmp_path / "film.mp4", start=Fraction(1, 10))
    left_out = "The video stream 1 (h264) has nothing that begins in the section and is left out." in summary.notes
    assert left_out == (distance == 10)
    assert len(streams(tmp_path / "film.mp4")) == (1 if left_out else 2)


@pytest.mark.parametrize("start", [None, FrameNumber(30)])
def test_the_last_frames_are_those_of_the_section(start: Moment | None, clip_info: ClipInfo) -> None:
    section = cut_section(clip_info, start, FrameNumber(90))
    tail = last_frames(section, 3)
    with decode(section) as whole, decode(tail) as part:
        wanted, found = list(whole)[-3:], list(part)
    assert [frame.pts for frame in found] == [frame.pts for frame in wanted] == list(tail.times)
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(found, wanted, strict=True))
    assert tail.section
    assert (tail.section.number, tail.end) == (87, section.end)
    assert last_frames(section, 90) is section
