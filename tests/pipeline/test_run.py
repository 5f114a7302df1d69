"""From film to film, with a blend for the network: exact times, untouched source frames, and never a hang."""

from __future__ import annotations

import errno
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import count, pairwise
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import (
    BEEP,
    blend,
    blend_model,
    children,
    end_time,
    ffmpeg,
    frame_hashes,
    frame_times,
    look_at,
    make_clip,
    picture,
    probe_once,
    streams,
    wrap_ffmpeg,
)
from sounds import CLICKS, clicks
from upsampling import LOSSLESS, elsewhere, upsample

from ifrplus_cli.errors import IfrplusError, InputError, MediaToolError, ModelError, OutputError
from ifrplus_cli.network.device import this_machine
from ifrplus_cli.pipeline import segments
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import RunProgress, run_job
from ifrplus_cli.video.formats.containers import write_display_matrix
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

FFV1 = EncodeOptions("ffv1")
LOSSLESS_H264 = ("-c:v", "libx264", "-qp", 0, "-preset", "ultrafast")
USUAL = EncodeOptions(preset="medium")
B_FRAMES = ("-preset", "medium", "-bf", "3", "-g", "20")
IRREGULAR = [0, 40, 90, 200, 240, 700]
MILLISECOND = Fraction(1, 1000)
BIG = 1 << 30


def expected_times(times: list[Fraction], last_duration: Fraction, factor: Fraction) -> list[Fraction]:
    """Output times worked out from the promise: frame k lies at source position k / factor."""
    ends = [*times[1:], times[-1] + last_duration]
    expected = []
    for number in range(ceil(len(times) * factor)):
        index, share = divmod(number / factor, 1)
        expected.append(times[int(index)] + share * (ends[int(index)] - times[int(index)]))
    return expected


def make_source(folder: Path, name: str, **options: object) -> Path:
    return make_clip(folder / name, codec="libx264", **options)  # type: ignore[arg-type]


SOURCES: dict[str, Callable[[Path], Path]] = {
    "cfr": lambda folder: make_source(folder, "a.mp4", frames=8),
    "ntsc": lambda folder: make_source(folder, "a.mp4", frames=12, rate="30000/1001", output=B_FRAMES),
    "90 kHz": lambda folder: make_source(folder, "a.mov", rate="24000/1001", output=("-video_track_timescale", 90000)),
    "vfr": lambda folder: make_source(folder, "a.mp4", ticks=IRREGULAR),
    "late": lambda folder: make_source(folder, "a.mkv", ticks=IRREGULAR, filters="setpts=PTS+1507"),
    "late by a fraction": lambda folder: make_source(
        folder, "a.mp4", rate="30000/1001", filters="setpts=PTS+7/TB/30000"
    ),
}


Source = Callable[[str], Path]


@pytest.fixture(scope="module")
def source_of(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Makes a source of each kind once."""
    return cache(lambda kind: SOURCES[kind](tmp_path_factory.mktemp("source")))


@pytest.fixture(scope="module")
def noise_in(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Makes a noisy source in each pixel format once."""

    @cache
    def make(pix_fmt: str) -> Path:
        codec = {"nv12": "rawvideo", "yuvj420p": "mjpeg"}.get(pix_fmt, "ffv1")
        path = tmp_path_factory.mktemp("noise") / ("source.nut" if codec == "rawvideo" else "source.mkv")
        return make_clip(path, frames=3, size="48x32", pix_fmt=pix_fmt, codec=codec, noise=True)

    return make


@pytest.mark.parametrize(
    ("kind", "name"),
    [*((kind, "film.mp4") for kind in SOURCES), *((kind, "film.mkv") for kind in ("ntsc", "vfr", "late"))],
)
def test_every_output_frame_has_its_exact_time(kind: str, name: str, source_of: Source, tmp_path: Path) -> None:
    source = source_of(kind)
    times, last = frame_times(source), end_time(source) - frame_times(source)[-1]
    summary = upsample(source, tmp_path / name, encode=USUAL if kind in {"ntsc", "vfr"} else LOSSLESS)
    expected = expected_times(times, last or 1 / probe_once(source).rate, Fraction(2))
    written = frame_times(tmp_path / name)
    assert (summary.frames_in, summary.frames_out) == (len(times), 2 * len(times))
    if name.endswith("mp4"):
        assert written == expected
    else:
        assert max(abs(a - b) for a, b in zip(written, expected, strict=True)) <= MILLISECOND / 2


@pytest.mark.parametrize(
    ("factor", "kind"),
    [
        (Fraction(4), "cfr"),
        (Fraction(8), "vfr"),
        (Fraction(5, 2), "cfr"),
        (Fraction(5, 2), "vfr"),
        (Fraction(3, 2), "vfr"),
    ],
)
def test_any_factor_gives_its_count_times_and_duration(
    factor: Fraction, kind: str, source_of: Source, tmp_path: Path
) -> None:
    source = source_of(kind)
    times, end = frame_times(source), end_time(source)
    upsample(source, tmp_path / "film.mov", factor)
    assert frame_times(tmp_path / "film.mov") == expected_times(times, end - times[-1], factor)
    assert abs(end_time(tmp_path / "film.mov") - end) <= Fraction(1, 25) / factor


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        ("cfr", Fraction(60)),
        ("ntsc", Fraction(60)),
        ("90 kHz", Fraction(60000, 1001)),
        ("vfr", Fraction(50)),
        ("late by a fraction", Fraction(120000, 1001)),
    ],
)
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_any_source_becomes_a_constant_rate_of_the_same_length(
    kind: str, rate: Fraction, name: str, source_of: Source, tmp_path: Path
) -> None:
    source = source_of(kind)
    start, end = frame_times(source)[0], end_time(source)
    summary = upsample(source, tmp_path / name, fps=rate, encode=USUAL)
    written = frame_times(tmp_path / name)
    rounding = Fraction(1, 90_000)  # of the source's own times: no frame is made for so little
    expected = [start + n / rate for n in range(ceil((end - start - rounding) * rate))]
    slack = 0 if name.endswith("mp4") else MILLISECOND
    assert summary.frames_out == len(written) == len(expected)
    assert max(abs(pts - wanted) for pts, wanted in zip(written, expected, strict=True)) <= slack
    assert abs(Fraction(look_at(tmp_path / name)["format"]["duration"]) - end) <= MILLISECOND
    if kind != "vfr" and name.endswith("mp4"):
        assert Fraction(picture(tmp_path / name)["r_frame_rate"]) == rate


@pytest.mark.parametrize("name", ["source.mp4", "source.mkv"])
def test_24_to_60_keeps_every_second_frame_and_asks_for_fifths(name: str, tmp_path: Path) -> None:
    source = make_source(tmp_path, name, frames=9, rate="24")  # Matroska stores milliseconds: 0, 42, 83 ...
    network = CountingBlend()
    summary = upsample(source, tmp_path / "film.mp4", fps=Fraction(60), network=network)
    assert summary.frames_out == 23
    assert network.timesteps == pytest.approx([0.4, 0.8, 0.2, 0.6] * 4, abs=0.03)
    film, frames = frame_hashes(tmp_path / "film.mp4", "yuv420p"), frame_hashes(source, "yuv420p")
    assert film[::5] == frames[::2]
    assert film[21] == film[22] == frames[8]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_real_footage_keeps_its_sound_to_the_millisecond_from_24_to_60(name: str, bikes: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    picture_at_24 = ("-an", "-vf", "scale=160:68,settb=1/24,setpts=N", "-r", 24, "-frames:v", 50, *LOSSLESS_H264)
    ffmpeg("-i", bikes, *picture_at_24, tmp_path / "silent.mp4")
    late = ("-itsoffset", "0.25", *CLICKS)
    ffmpeg("-i", tmp_path / "silent.mp4", *late, "-t", "2", "-c:v", "copy", "-c:a", "aac", source)
    upsample(source, tmp_path / name, fps=Fraction(60))
    before, after = (sound_packets(path) for path in (source, tmp_path / name))
    assert len(before) == len(after)
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= MILLISECOND
    assert np.abs(np.subtract(clicks(source), clicks(tmp_path / name))).max() <= 1
    times, pictures = frame_times(tmp_path / name), frame_hashes(tmp_path / name, "yuv420p")
    assert pictures[::5] == frame_hashes(source, "yuv420p")[::2]
    assert max(abs(a - b) for a, b in zip(times[::5], frame_times(source)[::2], strict=True)) <= MILLISECOND


def sound_packets(path: Path) -> list[Fraction]:
    """When each packet of sound begins, in seconds."""
    track = streams(path, "audio")[0]
    packets = (p for p in look_at(path)["packets"] if p["stream_index"] == track["index"])
    return [p["pts"] * Fraction(track["time_base"]) for p in packets]


def test_a_last_frame_that_stays_longer_is_shared_out(tmp_path: Path) -> None:
    last = ("-bsf:v", "setts=pts=PTS:dts=DTS:duration=1000")
    source = make_source(tmp_path, "still.mp4", ticks=[0, 40, 80], output=last)
    for name in ("film.mp4", "film.mkv"):
        upsample(source, tmp_path / name, encode=USUAL)
        assert frame_times(tmp_path / name)[-2:] == [Fraction(80, 1000), Fraction(580, 1000)]
        assert Fraction(look_at(tmp_path / name)["format"]["duration"]) == Fraction(1080, 1000)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_what_an_edit_list_hides_stays_hidden(name: str, tmp_path: Path) -> None:
    whole = make_source(tmp_path, "whole.mp4", frames=40, inputs=BEEP, output=(*B_FRAMES, "-c:a", "aac", "-t", "1.6"))
    ffmpeg("-ss", "1.0", "-i", whole, "-map", 0, "-c", "copy", tmp_path / "cut.mp4")
    summary = upsample(tmp_path / "cut.mp4", tmp_path / name)
    assert (summary.frames_in, summary.frames_out) == (15, 30)
    assert frame_hashes(tmp_path / name, "yuv420p")[::2] == frame_hashes(whole, "yuv420p")[25:]
    gaps = {after - before for before, after in pairwise(frame_times(tmp_path / name))}
    assert gaps == {Fraction(1, 50)}


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("source.ts", (*B_FRAMES, "-c:a", "aac", "-t", "0.4")),
        ("source.avi", ("-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3", "-t", "0.4")),
        ("source.flv", (*B_FRAMES, "-c:a", "aac", "-t", "0.4")),
    ],
)
def test_picture_and_sound_of_other_containers_stay_together(
    name: str, output: tuple[object, ...], tmp_path: Path
) -> None:
    source = make_source(tmp_path, name, frames=10, inputs=BEEP, output=output)
    summary = upsample(source, tmp_path / "film.mp4")
    assert summary.frames_out == 2 * summary.frames_in == 20
    assert {after - before for before, after in pairwise(frame_times(tmp_path / "film.mp4"))} == {Fraction(1, 50)}
    found = probe_once(source)
    sound = streams(tmp_path / "film.mp4", "audio")[0]
    distance = Fraction(sound["start_time"]) - frame_times(tmp_path / "film.mp4")[0]
    assert found.streams[0].start is not None
    assert abs(distance - (found.streams[0].start - found.start)) <= Fraction(3, 100)


@pytest.mark.parametrize(
    ("sound_late", "picture_late", "name"),
    [
        (Fraction(1), Fraction(0), "film.mp4"),
        (Fraction(0), Fraction(1), "film.mp4"),
        (Fraction(0), Fraction(1), "film.mkv"),
    ],
)
def test_start_offsets_are_kept(sound_late: Fraction, picture_late: Fraction, name: str, tmp_path: Path) -> None:
    late = f"setpts=PTS+{picture_late}/TB"
    sound = ("-itsoffset", float(sound_late), *BEEP)
    source = make_source(tmp_path, "source.mkv", inputs=sound, filters=late, output=("-c:a", "flac", "-t", "1.5"))
    upsample(source, tmp_path / name)
    start = Fraction(streams(tmp_path / name, "audio")[0]["start_time"])
    assert frame_times(tmp_path / name)[0] == picture_late
    assert abs(start - sound_late) <= Fraction(3, 100)  # converted sound begins with its encoder's delay


FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12", "gray", "gbrp")
DEEP_FORMATS = ("yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le")
TAGS = {
    "BT.601": "color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m",
    "BT.709": "color_primaries=bt709:color_trc=bt709:colorspace=bt709",
    "BT.2020": "color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc",
}
TAG_NAMES = ("color_primaries", "color_transfer", "color_space", "color_range", "sample_aspect_ratio")


def luma_of(path: Path) -> list[bytes]:
    with decode(probe_once(path)) as decoder:
        return [frame.planes[0].tobytes() for frame in decoder]


@pytest.mark.parametrize("pix_fmt", FORMATS + DEEP_FORMATS)
@pytest.mark.parametrize(("name", "encode"), [("film.mkv", FFV1), ("film.mp4", LOSSLESS)], ids=["ffv1", "x264"])
def test_source_frames_come_through_bit_exact(
    pix_fmt: str, name: str, encode: EncodeOptions, noise_in: Source, tmp_path: Path
) -> None:
    source = noise_in(pix_fmt)
    if pix_fmt == "gbrp" and encode is LOSSLESS:
        encode = EncodeOptions("libx264rgb", 0, "ultrafast")
    upsample(source, tmp_path / name, 3, encode=encode)
    if pix_fmt.startswith("gray") and name.endswith("mp4"):  # ffmpeg decodes H.264's 4:0:0 as 4:2:0
        assert luma_of(tmp_path / name)[::3] == luma_of(source)
    else:
        planar = {"nv12": "yuv420p"}.get(pix_fmt, pix_fmt)
        assert frame_hashes(tmp_path / name, planar)[::3] == frame_hashes(source, planar)


LOSSLESS_VP9 = EncodeOptions(crf=0, encoder_args=(("lossless", "1"), ("cpu-used", "8")))


@pytest.mark.parametrize(
    ("standard", "colour_range", "name", "pix_fmt", "encode"),
    [
        ("BT.601", "tv", "film.mp4", "yuv420p", LOSSLESS),
        ("BT.601", "pc", "film.mkv", "yuv420p", FFV1),
        ("BT.709", "tv", "film.webm", "yuv420p", LOSSLESS_VP9),
        ("BT.709", "pc", "film.mp4", "yuv420p", LOSSLESS),
        ("BT.709", "pc", "film.webm", "yuv444p", LOSSLESS_VP9),
        ("BT.2020", "tv", "film.mov", "yuv422p10le", LOSSLESS),
        ("BT.2020", "pc", "film.mkv", "yuv420p10le", LOSSLESS),
    ],
)
def test_colour_and_shape_survive(
    standard: str, colour_range: str, name: str, pix_fmt: str, encode: EncodeOptions, tmp_path: Path
) -> None:
    described = f"setparams=range={colour_range}:{TAGS[standard]},setsar=5/4"
    source = make_clip(tmp_path / "source.mkv", frames=2, pix_fmt=pix_fmt, filters=described, noise=True)
    upsample(source, tmp_path / name, encode=encode)
    before, after = picture(source), picture(tmp_path / name)
    assert [after.get(tag) for tag in TAG_NAMES] == [before[tag] for tag in TAG_NAMES]
    assert frame_hashes(tmp_path / name, after["pix_fmt"])[::2] == frame_hashes(source, after["pix_fmt"])


def nearly_equal(folder: Path, pix_fmt: str, filters: str) -> Path:
    """Two frames that differ by a single pixel."""
    still = make_clip(folder / "still.mkv", frames=1, size="96x64", pix_fmt=pix_fmt, filters=filters)
    dot = "drawbox=x=10:y=10:w=2:h=2:color=white:t=fill:enable=eq(n\\,1)"
    chain = f"loop=loop=1:size=1,{dot},format={pix_fmt},{filters}"
    ffmpeg("-i", still, "-vf", chain, "-c:v", "ffv1", folder / "source.mkv")
    return folder / "source.mkv"


@pytest.mark.parametrize(
    ("standard", "colour_range", "pix_fmt"),
    [
        ("BT.601", "tv", "yuv420p"),
        ("BT.601", "pc", "yuv420p10le"),
        ("BT.709", "pc", "yuv420p"),
        ("BT.2020", "tv", "yuv420p10le"),
    ],
)
def test_a_made_frame_is_as_bright_as_its_neighbours(
    standard: str, colour_range: str, pix_fmt: str, tmp_path: Path
) -> None:
    source = nearly_equal(tmp_path, pix_fmt, f"setparams=range={colour_range}:{TAGS[standard]}")
    summary = upsample(source, tmp_path / "film.mkv", encode=FFV1)
    assert summary.frames_made == 1
    with decode(probe_once(tmp_path / "film.mkv")) as decoder:
        left, made, right, _ = [[float(plane.mean()) for plane in frame.planes] for frame in decoder]
    assert left[0] != right[0]
    assert all(abs(m - (a + b) / 2) < 0.05 for m, a, b in zip(made, left, right, strict=True))


MATRICES = {
    "quarter turn": (0, 65536, 0, -65536, 0, 0, 0, 0, BIG),
    "mirrored": (-65536, 0, 0, 0, 65536, 0, 0, 0, BIG),
    "mirrored and turned": (0, 65536, 0, 65536, 0, 0, 0, 0, BIG),
}


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_a_turned_film_is_turned_exactly_once(matrix: tuple[int, ...], tmp_path: Path) -> None:
    source = make_source(tmp_path, "source.mp4", frames=2, filters="setsar=4/3")
    write_display_matrix(source, matrix)
    upsample(source, tmp_path / "film.mov")
    upright = upsample(source, tmp_path / "film.mkv", encode=FFV1)
    assert probe_once(tmp_path / "film.mov").display_matrix == matrix
    assert "side_data_list" not in picture(tmp_path / "film.mkv")
    assert any("turned upright" in note for note in upright.notes)
    shown = frame_hashes(source, "yuv420p", turned=True)
    for name in ("film.mov", "film.mkv"):
        assert frame_hashes(tmp_path / name, "yuv420p", turned=True)[::2] == shown
    sideways = matrix[0] == 0
    aspect = picture(tmp_path / "film.mkv")["sample_aspect_ratio"]
    assert aspect == ("3:4" if sideways else "4:3")


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_odd_sizes_keep_every_pixel_in_its_place(name: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mkv", frames=2, size="641x359", noise=True)
    summary = upsample(source, tmp_path / name, encode=FFV1 if name.endswith("mkv") else LOSSLESS)
    stored = (641, 359) if name.endswith("mkv") else (642, 360)
    found = picture(tmp_path / name)
    assert (found["width"], found["height"]) == stored
    assert any("642x360" in note for note in summary.notes) == (stored != (641, 359))
    assert "sample_aspect_ratio" not in found or found["sample_aspect_ratio"] == "1:1"
    for before, after in zip(planes_of(source), planes_of(tmp_path / name)[::2], strict=True):
        assert np.array_equal(after[0][:359, :641], before[0])
        assert np.array_equal(after[0][:359, -1], before[0][:, -1])
        assert np.array_equal(after[0][-1, :641], before[0][-1])
        assert all(np.array_equal(a, b) for a, b in zip(after[1:], before[1:], strict=True))


def planes_of(path: Path) -> list[tuple[np.ndarray, ...]]:
    with decode(probe_once(path)) as decoder:
        return [frame.planes for frame in decoder]


class CountingBlend:
    """A blend that counts how often it is asked, and for which timesteps."""

    def __init__(self) -> None:
        self.timesteps: list[float] = []

    def __call__(self, left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        self.timesteps.append(float(t[0, 0, 0, 0]))
        return blend(left, right, t)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames 0 to 2 of one scene, 3 to 5 of another one, where 4 equals 3."""
    folder = tmp_path_factory.mktemp("scenes")
    first = "testsrc2=size=96x64:rate=25:duration=0.12"
    second = "mandelbrot=size=96x64:rate=25:end_pts=40,trim=end_frame=2"
    second += ",loop=loop=1:size=1,setpts=N/25/TB,trim=end_frame=3"
    graph = f"{first},format=yuv420p[a];{second},format=yuv420p[b];[a][b]concat=n=2:v=1,setpts=N/25/TB"
    ffmpeg("-filter_complex", graph, "-c:v", "ffv1", folder / "scenes.mkv")
    return folder / "scenes.mkv"


def test_cuts_are_held_and_equal_neighbours_are_not_sent_through_the_network(scenes: Path, tmp_path: Path) -> None:
    network = CountingBlend()
    summary = upsample(scenes, tmp_path / "film.mkv", encode=FFV1, network=network)
    assert summary.pairs == {"motion": 3, "cut": 1, "duplicate": 1}
    assert (summary.frames_made, len(network.timesteps)) == (3, 3)
    source, film = frame_hashes(scenes, "yuv420p"), frame_hashes(tmp_path / "film.mkv", "yuv420p")
    assert film[::2] == source
    assert (film[5], film[7]) == (source[2], source[3])
    assert film[11] == source[5]


def test_without_cut_detection_only_equal_neighbours_are_held(scenes: Path, tmp_path: Path) -> None:
    network = CountingBlend()
    summary = upsample(scenes, tmp_path / "film.mkv", encode=FFV1, network=network, cut_threshold=None)
    assert summary.pairs == {"motion": 4, "cut": 0, "duplicate": 1}
    assert len(network.timesteps) == 4


@pytest.mark.parametrize("factor", [2, 4])
def test_a_cut_can_be_blended(factor: int, scenes: Path, tmp_path: Path) -> None:
    network = CountingBlend()
    options = {"encode": FFV1, "network": network, "cut_fill": "blend"}
    upsample(scenes, tmp_path / "film.mkv", factor, **options)  # type: ignore[arg-type]
    assert len(network.timesteps) == 3 * (factor - 1)
    film = planes_of(tmp_path / "film.mkv")[2 * factor : 3 * factor + 1]
    left, right = (film[n][0].astype(float) for n in (0, factor))
    for step in range(1, factor):
        share = step / factor
        assert np.abs(film[step][0] - ((1 - share) * left + share * right)).max() <= 0.5


def test_the_network_is_asked_for_the_timesteps_between(clip: Path, tmp_path: Path) -> None:
    network = CountingBlend()
    upsample(clip, tmp_path / "film.mkv", Fraction(5, 2), encode=FFV1, network=network)
    assert network.timesteps == pytest.approx([0.4, 0.8, 0.2, 0.6] * 2 + [0.4, 0.8], abs=1e-6)


@pytest.mark.parametrize(("frames", "name"), [(1, "film.mp4"), (1, "film.mkv"), (2, "film.mp4")])
def test_the_shortest_films_work(frames: int, name: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mkv", frames=frames)
    summary = upsample(source, tmp_path / name, 4, encode=LOSSLESS)
    assert (summary.frames_in, summary.frames_out, summary.frames_made) == (frames, 4 * frames, 3 * (frames - 1))
    assert frame_hashes(tmp_path / name, "yuv420p")[::4] == frame_hashes(source, "yuv420p")


def test_streams_and_titles_come_along(tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n")
    inputs = (*BEEP, "-i", tmp_path / "words.srt")
    titles = ("-metadata", "title=A film", "-metadata:s:a", "language=deu", "-c:a", "aac", "-c:s", "srt", "-t", "0.24")
    source = make_source(tmp_path, "source.mkv", inputs=inputs, output=titles)
    summary = upsample(source, tmp_path / "film.mp4")
    assert [stream["codec_name"] for stream in streams(tmp_path / "film.mp4")] == ["h264", "aac", "mov_text"]
    assert look_at(tmp_path / "film.mp4")["format"]["tags"]["title"] == "A film"
    assert streams(tmp_path / "film.mp4", "audio")[0]["tags"]["language"] == "deu"
    assert summary.notes == ("The subtitle stream 2 (subrip) is converted to mov_text.",)


def test_a_summary_tells_what_was_done(clip: Path, tmp_path: Path) -> None:
    steps: list[RunProgress] = []
    summary = upsample(clip, tmp_path / "film.mkv", encode=FFV1, progress=steps.append)
    assert [step.done for step in steps] == list(range(1, 13))
    assert {step.expected for step in steps} == {12}
    assert steps[-1].made == summary.frames_made == 5
    assert summary.stage_seconds.keys() == {"decode", "colour", "flow", "network", "encode"}
    assert summary.peak_memory_mb > 10
    assert len(summary.result.packet_pts) == 12


def test_pairs_that_are_made_at_once_come_out_in_order(clip: Path, tmp_path: Path) -> None:
    turns, threads = count(), set()

    def slow_first(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        threads.add((model.at_once, cv2.getNumThreads()))
        time.sleep(0.05 * (next(turns) % 2 == 0))  # so that each second one overtakes the one before it
        return blend(left, right, t)

    job = plan_job(probe_once(clip), tmp_path / "film.mkv", UpsampleOptions(factor=Fraction(3), encode=FFV1))
    model = blend_model(slow_first, (job.encode.height, job.encode.width))
    before, cores = cv2.getNumThreads(), this_machine().cores()
    for at_once, name in ((1, "one"), (2, "two")):
        model = replace(model, at_once=at_once)
        run_job(elsewhere(job, tmp_path / f"{name}.mkv"), model)
    assert threads == {(1, cores), (2, max(1, cores // 2))}  # pairs share the cores, also within OpenCV
    assert cv2.getNumThreads() == before
    assert frame_hashes(tmp_path / "two.mkv", "yuv420p") == frame_hashes(tmp_path / "one.mkv", "yuv420p")
    assert frame_times(tmp_path / "two.mkv") == frame_times(tmp_path / "one.mkv")


def test_a_damaged_film_is_repaired_as_far_as_possible_and_said_to_be_damaged(tmp_path: Path) -> None:
    source = make_source(tmp_path, "source.mkv", frames=30, noise=True)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    summary = upsample(source, tmp_path / "film.mp4")
    assert 0 < summary.frames_in < 30
    assert summary.frames_out == 2 * summary.frames_in
    assert any("damaged" in note for note in summary.notes)


def test_fewer_frames_than_packets_are_noted(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = 'for a do shift; [ "$a" = pipe:1 ] && set -- "$@" -frames:v 4; set -- "$@" "$a"; done; exec ffmpeg "$@"'
    wrap_ffmpeg(tmp_path, monkeypatch, decoder=fewer)
    summary = upsample(clip, tmp_path / "film.mkv", encode=FFV1)
    assert summary.frames_out == 8
    assert summary.notes == ("Only 4 frames could be decoded from the 6 video packets of the source.",)


# What must not be: hangs, half films, files and processes left over.


@pytest.fixture
def long_clip(media: Path) -> Path:
    path = media / "long.mkv"
    return path if path.exists() else make_clip(path, frames=120, size="160x120")


@pytest.fixture(autouse=True)
def nothing_left_over(tmp_path: Path) -> Iterator[None]:
    """After every test: no process, and no file under the name that is used before a film is finished."""
    yield
    assert not children()
    assert not [path.name for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_slow_encoder_holds_back_network_and_decoder(
    long_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, made_before = tmp_path / "go", []
    wrap_ffmpeg(tmp_path, monkeypatch, encoder=f'while [ ! -e "{go}" ]; do sleep 0.05; done; exec ffmpeg "$@"')
    network = CountingBlend()

    def release() -> None:
        made_before.append(len(network.timesteps))
        go.touch()

    timer = threading.Timer(0.7, release)

    def watched(*arrays: np.ndarray) -> np.ndarray:
        if not network.timesteps:
            timer.start()
        return network(*arrays)

    upsample(long_clip, tmp_path / "film.mkv", encode=FFV1, network=watched)
    assert len(network.timesteps) == 119
    assert made_before[0] < 20  # all 119 would not have taken as long


class BrokenNetwork:
    """A network that works a few times."""

    def __init__(self, fault: BaseException, works: int = 3) -> None:
        self.fault, self.works = fault, works

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        self.works -= 1
        if self.works < 0:
            raise self.fault
        return blend(*arrays)


@pytest.mark.parametrize("fault", [RuntimeError("no memory"), IfrplusError("The network failed."), KeyboardInterrupt()])
def test_a_failing_network_ends_the_run_with_its_fault(fault: BaseException, long_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(type(fault)) as raised:
        upsample(long_clip, tmp_path / "film.mkv", encode=FFV1, network=BrokenNetwork(fault))
    assert raised.value is fault
    assert not (tmp_path / "film.mkv").exists()


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        cv2.error("OpenCV(4.11.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 4177920 bytes"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_memory_that_runs_out_is_told_with_what_helps(fault: Exception, long_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ran out of memory") as raised:
        upsample(long_clip, tmp_path / "film.mkv", encode=FFV1, network=BrokenNetwork(fault))
    assert "--tile" in raised.value.hint


def test_a_fault_while_the_run_is_watched_ends_it(long_clip: Path, tmp_path: Path) -> None:
    def interrupt(step: RunProgress) -> None:
        if step.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upsample(long_clip, tmp_path / "film.mp4", progress=interrupt)
    assert not (tmp_path / "film.mp4").exists()


def test_a_decoder_that_is_stuck_does_not_hold_up_an_interruption(
    long_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    four_frames = 4 * 160 * 120 * 3 // 2
    wrap_ffmpeg(tmp_path, monkeypatch, decoder=f'ffmpeg "$@" | head -c {four_frames}; exec sleep 100')

    def interrupt(step: RunProgress) -> None:
        if step.done == 4:  # all that four frames make: a pair waits for the one after it
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        upsample(long_clip, tmp_path / "film.mkv", encode=FFV1, progress=interrupt)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("script", "error", "told"),
    [
        ({"decoder": 'ffmpeg "$@" | head -c 100000; kill -KILL $$'}, MediaToolError, "ended by SIGKILL"),
        ({"encoder": "head -c 100000 >/dev/null; kill -KILL $$"}, OutputError, "ended by SIGKILL"),
        ({"encoder": 'head -c 100000 | ffmpeg "$@"'}, OutputError, "ended prematurely|not what was promised"),
        ({"encoder": "cat >/dev/null"}, OutputError, "can't be read back"),
    ],
    ids=["decoder dies", "encoder dies", "encoder ends early", "encoder writes nothing"],
)
def test_a_dying_ffmpeg_ends_the_run_with_its_cause(
    script: dict[str, str],
    error: type[IfrplusError],
    told: str,
    long_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrap_ffmpeg(tmp_path, monkeypatch, **script)
    (tmp_path / "film.mkv").write_text("precious")
    with pytest.raises(error, match=told):
        upsample(long_clip, tmp_path / "film.mkv", encode=FFV1, overwrite=True)
    assert (tmp_path / "film.mkv").read_text() == "precious"


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """A copy with bits flipped, a stretch zeroed or left out, or the end missing."""
    data, start = bytearray(whole), chance.randrange(len(whole))
    match chance.randrange(4):
        case 0:
            for _ in range(chance.choice((1, 5, 50))):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 1:
            stretch = data[start : start + chance.randrange(1, 2000)]
            data[start : start + len(stretch)] = bytes(len(stretch))
        case 2:
            del data[start : start + chance.randrange(1, 2000)]
        case 3:
            del data[start + 1 :]
    return bytes(data)


@pytest.mark.parametrize(
    ("suffix", "picture", "sound"),
    [
        (".mp4", "libx264", "aac"),
        (".mkv", "libx264", "flac"),
        (".avi", "mpeg4", "mp3"),
        (".webm", "libvpx-vp9", "libopus"),
    ],
)
def test_a_damaged_film_becomes_a_whole_one_or_an_error(suffix: str, picture: str, sound: str, tmp_path: Path) -> None:
    whole = make_clip(
        tmp_path / f"whole{suffix}", frames=20, codec=picture, inputs=BEEP, output=("-c:a", sound, "-t", "0.8")
    )
    chance, source = random.Random(1), tmp_path / f"damaged{suffix}"
    for number in range(4):
        film = tmp_path / f"{number}.mkv"
        source.write_bytes(damaged(whole.read_bytes(), chance))
        try:
            summary = upsample(source, film)
        except IfrplusError as error:
            assert error.message.endswith(".")
            assert not film.exists()
        else:
            assert len(frame_times(film)) == summary.frames_out == 2 * summary.frames_in
            assert summary.frames_in == 20 or summary.notes


@pytest.mark.parametrize(
    ("output", "error", "told"),
    [
        ("", OutputError, "is a folder"),
        ("nowhere/film.mp4", OutputError, "does not exist"),
        ("clip.mkv/film.mp4", OutputError, "does not exist"),
        ("clip.mkv", InputError, "same file"),
        ("link.mkv", InputError, "same file"),
        ("other.mp4", OutputError, "already exists"),
        ("film.xyz", OutputError, "does not have the extension"),
        ("x" * 300 + ".mp4", OutputError, "File name too long"),
    ],
)
def test_an_output_that_cant_be_is_refused_before_anything_is_done(
    output: str, error: type[IfrplusError], told: str, clip: Path, tmp_path: Path
) -> None:
    source = tmp_path / "clip.mkv"
    source.write_bytes(clip.read_bytes())
    (tmp_path / "link.mkv").symlink_to(source)
    (tmp_path / "other.mp4").write_text("precious")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(error, match=told):
        upsample(source, tmp_path / output)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_takes_no_files_is_found_out_before_the_run(clip: Path) -> None:
    with pytest.raises(OutputError, match="/proc"):
        upsample(clip, Path("/proc/film.mp4"))


def test_the_longest_name_that_a_folder_takes_works(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / ("ü" * 125 + ".mkv")
    assert upsample(clip, output, encode=FFV1).frames_out == 12


def test_an_output_is_replaced_only_on_request(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "film.mkv").write_text("old")
    upsample(clip, tmp_path / "film.mkv", encode=FFV1, overwrite=True)
    assert len(frame_times(tmp_path / "film.mkv")) == 12


def test_real_footage_keeps_its_frames(bikes: Path, tmp_path: Path) -> None:
    ffmpeg("-i", bikes, "-frames:v", 8, "-c", "copy", tmp_path / "source.mp4")
    summary = upsample(tmp_path / "source.mp4", tmp_path / "film.mp4")
    assert (summary.frames_in, summary.frames_out, summary.frames_made) == (8, 16, 7)
    assert frame_hashes(tmp_path / "film.mp4", "yuv420p")[::2] == frame_hashes(tmp_path / "source.mp4", "yuv420p")


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "tags", "name"),
    [
        ("libx264", "yuv420p", ("bt470bg", "gamma28", "bt470bg"), "film.mp4"),
        ("libx264", "yuv420p", ("bt470m", "gamma22", "smpte170m"), "film.mkv"),
        ("ffv1", "bgr0", (), "film.mkv"),
    ],
    ids=["PAL", "old NTSC", "RGB"],
)
def test_a_film_of_segments_keeps_colours_that_ffmpeg_has_two_names_for(
    codec: str, pix_fmt: str, tags: tuple[str, ...], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 8)
    said = zip(("-color_primaries", "-color_trc", "-colorspace"), tags, strict=False)
    colours = [word for pair in said for word in pair]
    source = make_clip(tmp_path / "in.mkv", frames=12, codec=codec, output=("-pix_fmt", pix_fmt, *colours))
    summary = upsample(source, tmp_path / name, encode=EncodeOptions())
    assert summary.frames_out == 24
    found, wanted = (picture(file) for file in (tmp_path / name, source))
    keys = ("color_primaries", "color_transfer", "color_space")
    assert [found.get(key) for key in keys] == [wanted.get(key) for key in keys]


@pytest.mark.parametrize("codec", ["libvpx", "rawvideo"])
def test_a_film_that_no_segment_holds_is_made_in_one_go(
    codec: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 4)
    summary = upsample(clip, tmp_path / "film.mkv", encode=EncodeOptions(codec))
    assert summary.frames_out == 12
    assert sorted(path.name for path in tmp_path.iterdir() if path != clip) == ["film.mkv"]


def test_vp8_follows_its_quality(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", size="320x240", frames=6, filters="noise=alls=60:allf=t")
    sizes = []
    for crf in (4.0, None, 50.0):
        upsample(source, tmp_path / f"{crf}.webm", encode=EncodeOptions("libvpx", crf=crf))
        sizes.append((tmp_path / f"{crf}.webm").stat().st_size)
    assert sizes[0] > sizes[1] > 1.5 * sizes[2]


@pytest.mark.parametrize("range_", ["tv", "pc"])
def test_luma_alone_is_stored_as_it_is(range_: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=3, codec="ffv1", output=("-color_range", range_))
    upsample(source, tmp_path / "film.mp4", encode=EncodeOptions(pix_fmt="gray", crf=0))
    grey, colour = (decode_luma(path) for path in (tmp_path / "film.mp4", source))
    assert np.array_equal(grey[::2], colour)


@pytest.mark.parametrize(("name", "encode"), [("film.webm", {}), ("film.mp4", {"purpose": "web"}), ("film.mp4", {})])
def test_grey_without_a_range_keeps_its_brightness(name: str, encode: dict[str, str], tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=3, codec="ffv1", filters="format=gray,setparams=range=unknown")
    upsample(source, tmp_path / name, encode=EncodeOptions(**encode))  # type: ignore[arg-type]
    made, true = (decode_luma(path).astype(float) for path in (tmp_path / name, source))
    assert abs(made[::2].mean() - true.mean()) < 1
    assert abs(made[::2].std() - true.std()) < 1


def test_numbers_that_another_program_counted_stay_only_with_what_is_copied(tmp_path: Path) -> None:
    tags = ("-metadata:s:a:0", "BPS=128000", "-metadata:s:a:0", "NUMBER_OF_FRAMES=47")
    source = make_clip(tmp_path / "in.mkv", frames=25, inputs=BEEP, output=("-c:a", "aac", "-t", 1, *tags))
    found = {}
    for name, options in (("copied.mkv", {}), ("cut.mkv", {"start": Fraction(1, 5)}), ("other.webm", {})):
        upsample(source, tmp_path / name, encode=EncodeOptions(), **options)
        found[name] = {"BPS", "NUMBER_OF_FRAMES"} & streams(tmp_path / name, "audio")[0]["tags"].keys()
    assert found == {"copied.mkv": {"BPS", "NUMBER_OF_FRAMES"}, "cut.mkv": set(), "other.webm": set()}


def decode_luma(path: Path) -> np.ndarray:
    with decode(probe(path)) as decoder:
        return np.stack([frame.planes[0] for frame in decoder])
