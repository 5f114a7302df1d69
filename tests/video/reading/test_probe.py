"""What a film is, read from its headers and packets: everyday files, odd files, and files that are none."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, ffmpeg, make_clip

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ColourTags
from ifrplus_cli.video.formats.containers import write_display_matrix
from ifrplus_cli.video.packets import packet_span
from ifrplus_cli.video.reading.probe import probe

B_FRAMES = ("-preset", "medium", "-bf", "3")
IRREGULAR = [0, 40, 90, 200, 240, 1300]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ntsc.mp4", {"rate": "30000/1001"}),
        ("film.mov", {"rate": "24000/1001", "output": ("-video_track_timescale", "90000")}),
        ("film.mkv", {"rate": "24000/1001"}),
        ("b-frames.mp4", {"rate": "50", "output": B_FRAMES}),
        ("b-frames.ts", {"rate": "25", "output": B_FRAMES}),
    ],
)
def test_a_constant_rate_is_read_exactly(name: str, options: dict[str, object], tmp_path: Path) -> None:
    found = probe(make_clip(tmp_path / name, frames=12, codec="libx264", **options))  # type: ignore[arg-type]
    assert found.rate == Fraction(str(options["rate"]))
    assert len(found.packet_pts) == 12
    assert not found.variable_rate
    assert abs(found.duration - 12 / found.rate) <= Fraction(1, 1000)


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv"])
def test_a_variable_rate_is_read_time_by_time(extension: str, tmp_path: Path) -> None:
    found = probe(make_clip(tmp_path / f"vfr.{extension}", codec="libx264", ticks=IRREGULAR))
    assert [pts * found.time_base for pts in found.packet_pts] == [Fraction(tick, 1000) for tick in IRREGULAR]
    assert found.variable_rate


def test_a_last_frame_that_stays_longer_counts_in_full(tmp_path: Path) -> None:
    last = ("-bsf:v", "setts=pts=PTS:dts=DTS:duration=1000")
    found = probe(make_clip(tmp_path / "still.mp4", codec="libx264", ticks=[0, 40, 80], output=last))
    assert found.duration == Fraction(1080, 1000)


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", frames=40, codec="libx264", output=(*B_FRAMES, "-g", "20"))
    ffmpeg("-ss", "1.0", "-i", whole, "-c", "copy", tmp_path / "cut.mp4")
    found = probe(tmp_path / "cut.mp4")
    assert (len(found.packet_pts), found.start, found.duration) == (15, 0, Fraction(15, 25))


def test_start_times_are_kept(tmp_path: Path) -> None:
    late = make_clip(tmp_path / "late.mkv", inputs=BEEP, output=("-c:a", "flac", "-shortest", "-output_ts_offset", "5"))
    found = probe(late)
    assert found.start == 5
    assert found.streams[0].start == 5


@pytest.mark.parametrize("read_sound", [False, True])
def test_a_picture_that_begins_after_megabytes_of_sound_is_found(read_sound: bool, tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mp4", codec="libx264")
    sound = ("-f", "lavfi", "-i", "anullsrc=channel_layout=7.1:sample_rate=96000:duration=3")
    late = tmp_path / "late.mov"
    ffmpeg(*sound, "-itsoffset", "3", "-i", film, "-map", "1", "-map", "0", "-c:v", "copy", "-c:a", "pcm_s24le", late)
    found = probe(late, read_sound=read_sound)
    assert (found.start, found.pixel_format.name, len(found.packet_pts)) == (3, "yuv420p", 6)


def test_avi_is_known_to_hold_decode_times_only(tmp_path: Path) -> None:
    assert probe(make_clip(tmp_path / "old.avi", codec="mpeg4", frames=10, output=("-bf", "2"))).decode_times_only
    assert not probe(make_clip(tmp_path / "new.mkv", codec="mpeg4", frames=10, output=("-bf", "2"))).decode_times_only


def test_a_stream_without_times_gets_the_nominal_clock(tmp_path: Path) -> None:
    bare = make_clip(tmp_path / "bare.h264", codec="libx264", frames=8, output=("-f", "h264"))
    found = probe(bare)
    assert [pts * found.time_base for pts in found.packet_pts] == [Fraction(n, 25) for n in range(8)]


@pytest.mark.parametrize(
    ("pix_fmt", "decoded", "depth"),
    [("yuv422p", "yuv422p", 8), ("nv12", "yuv420p", 8), ("gray10le", "gray10le", 10), ("rgb24", "gbrp", 8)],
)
def test_the_pixel_format_is_the_streams_own_or_holds_the_same_samples(
    pix_fmt: str, decoded: str, depth: int, tmp_path: Path
) -> None:
    codec = "ffv1" if pix_fmt.startswith(("yuv", "gray")) else "rawvideo"
    found = probe(make_clip(tmp_path / "clip.nut", pix_fmt=pix_fmt, codec=codec, frames=1))
    assert (found.source_format, found.pixel_format.name, found.pixel_format.depth) == (pix_fmt, decoded, depth)


def test_colour_and_shape_are_read(tmp_path: Path) -> None:
    described = "setparams=range=pc:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc,setsar=4/3"
    found = probe(make_clip(tmp_path / "clip.mkv", frames=1, filters=described))
    assert found.colour == ColourTags("bt2020", "smpte2084", "bt2020nc", "pc", None)
    assert found.sample_aspect == Fraction(4, 3)
    assert (found.width, found.height) == (64, 48)


def test_what_is_not_stated_is_none(clip: Path) -> None:
    assert probe(clip).colour == ColourTags()


def test_a_j_format_states_full_range(tmp_path: Path) -> None:
    found = probe(make_clip(tmp_path / "clip.mp4", frames=1, codec="libx264", pix_fmt="yuvj420p"))
    assert found.colour.range == "pc"
    assert found.decode_format == "yuvj420p"


@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        ((0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30), (48, 64)),
        ((-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30), (64, 48)),
        ((65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30), (64, 48)),
    ],
)
def test_a_turned_picture_has_its_shown_size(matrix: tuple[int, ...], size: tuple[int, int], tmp_path: Path) -> None:
    film = make_clip(tmp_path / "turned.mp4", codec="libx264", frames=1)
    write_display_matrix(film, matrix)
    found = probe(film)
    assert found.display_matrix == matrix
    assert found.upright_size == size


def test_other_streams_are_listed_in_order(tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n")
    inputs = (*BEEP, "-i", tmp_path / "words.srt")
    film = make_clip(tmp_path / "film.mkv", inputs=inputs, output=("-c:a", "aac", "-c:s", "srt", "-shortest"))
    assert [(s.index, s.kind, s.codec) for s in probe(film).streams] == [(1, "audio", "aac"), (2, "subtitle", "subrip")]


def test_the_main_picture_is_the_default_one_and_not_the_cover(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", 1, tmp_path / "cover.png")
    clip = make_clip(tmp_path / "clip.mp4", codec="libx264")
    maps = ("-i", tmp_path / "cover.png", "-i", clip, "-map", 0, "-map", 1, "-c", "copy")
    ffmpeg(*maps, "-disposition:v:0", "attached_pic", tmp_path / "film.mp4")
    found = probe(tmp_path / "film.mp4")
    assert (found.codec, found.width) == ("h264", 64)
    assert [s.attached_picture for s in found.streams] == [True]


def test_the_span_of_a_stream_comes_from_its_packets(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", inputs=BEEP, output=("-c:a", "pcm_s16le", "-t", "0.2"))
    assert packet_span(probe(film), 1) == (0, Fraction(2, 10))
    assert packet_span(probe(film), 7) is None


@pytest.mark.parametrize(
    "name",
    [
        "two words.mkv",
        'it\'s "so".mkv',
        "-y.mkv",
        "100%d.mkv",
        "two\nlines.mkv",
        "Übergröße 影片.mkv",
        "a:b.mkv",
        "#x?.mkv",
    ],
)
def test_any_name_is_read_as_one_local_file(name: str, clip: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(clip.read_bytes())
    assert len(probe(tmp_path / name).packet_pts) == 6


def write_case(folder: Path, case: str, clip: Path) -> Path:
    """A path that is no film, by the name of what is wrong with it."""
    path = folder / f"{case}.mp4"
    if case == "folder":
        path.mkdir()
    elif case == "empty":
        path.touch()
    elif case == "text":
        path.write_text("This is not a film.\n" * 100)
    elif case == "pipe":
        os.mkfifo(path)
    elif case == "sound":
        ffmpeg(*BEEP, "-t", "0.2", "-c:a", "aac", path)
    elif case == "cut short":
        whole = make_clip(folder / "whole.mp4", codec="libx264")
        path.write_bytes(whole.read_bytes()[:2000])
    elif case == "no frames":
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", 0, "-c:v", "libx264", "-f", "matroska", path)
    elif case == "playlist":
        make_clip(folder / "part.ts", codec="libx264", output=("-f", "mpegts"))
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n")
    elif case == "web playlist":
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    elif case == "script":
        (folder / "part.mkv").write_bytes(clip.read_bytes())
        path.write_text("ffconcat version 1.0\nfile part.mkv\n")
    return path


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("missing", "does not exist"),
        ("folder", "There is no image"),
        ("empty", "is empty"),
        ("text", "can't be read as a film"),
        ("pipe", "is not a file"),
        ("sound", "has no video stream"),
        ("cut short", "can't be read as a film"),
        ("no frames", "no frames"),
        ("playlist", "is not a film"),
        ("web playlist", "is not a film"),
        ("script", "is not a film"),
        ("x" * 300, "can't be read: File name too long"),
    ],
)
def test_what_is_no_film_is_refused_with_a_sentence_and_a_hint(
    case: str, told: str, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        probe(write_case(tmp_path, case, clip))
    assert told in refused.value.message
    assert refused.value.message.endswith(".")
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_a_web_address_is_not_opened() -> None:
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9/film\.mp4 is an address"):
        probe(Path("http://127.0.0.1:9/film.mp4"))
