"""Interlaced and telecined films are found, refused without a choice, and untangled at exact times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import BLEND_PROGRAM, ffmpeg, frame_times, make_clip, run_program
from upsampling import upsample

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.decode import decode
from ifrplus_cli.video.interlace import Fields, detect_fields, untangle
from ifrplus_cli.video.probe import probe
from ifrplus_cli.video.trim import FrameNumber, cut_section

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
MADE = {
    "interlaced": "setpts=N/50/TB,fps=50,interlace=scan=tff:lowpass=off,setfield=prog",
    "bottom first": "setpts=N/50/TB,fps=50,interlace=scan=bff,setfield=prog",
    "telecined": "setpts=N*1001/24000/TB,fps=24000/1001,telecine=pattern=23,setfield=prog",
}


@pytest.fixture(scope="module")
def entangled(bikes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClipInfo]:
    """Real footage made interlaced and telecined, none of it marked as such; and the footage itself."""
    folder = tmp_path_factory.mktemp("fields")
    made = {"progressive": probe(bikes)}
    for name, chain in MADE.items():
        shown = f"trim=end_frame=81,crop=320:240,{chain}"
        ffmpeg("-i", bikes, "-vf", shown, "-c:v", "libx264", "-preset", "veryfast", folder / f"{name}.mp4")
        made[name] = probe(folder / f"{name}.mp4")
    return made


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("progressive", Fields("progressive", "auto")),
        ("interlaced", Fields("interlaced", "tff")),
        ("bottom first", Fields("interlaced", "bff")),
        ("telecined", Fields("telecined", "tff")),
    ],
)
def test_fields_are_seen_in_the_pictures(name: str, found: Fields, entangled: dict[str, ClipInfo]) -> None:
    assert detect_fields(entangled[name]) == found


def test_a_progressive_film_that_is_marked_as_interlaced_is_taken(bikes: Path, tmp_path: Path) -> None:
    marked = ("-vf", "trim=end_frame=30,crop=320:240,setfield=tff", "-c:v", "libx264", "-x264opts", "interlaced=1")
    ffmpeg("-i", bikes, *marked, tmp_path / "marked.mp4")
    clip = probe(tmp_path / "marked.mp4")
    assert clip.interlaced
    assert untangle(clip, None) is clip


def test_small_patterns_that_move_up_and_down_are_not_taken_for_fields(tmp_path: Path) -> None:
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=320x192:rate=24", "-frames:v", 40)
    ffmpeg(*pattern, "-c:v", "libx264", "-crf", 20, tmp_path / "pattern.mp4")
    assert detect_fields(probe(tmp_path / "pattern.mp4")).kind == "progressive"


def test_a_marked_film_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    still = ("-f", "lavfi", "-i", "color=gray:64x48:r=25", "-frames:v", 5, "-x264opts", "interlaced=1")
    ffmpeg(*still, "-vf", "setfield=bff", "-c:v", "libx264", tmp_path / "still.mp4")
    with pytest.raises(InputError, match="is interlaced"):
        untangle(probe(tmp_path / "still.mp4"), None)


@pytest.mark.parametrize(("name", "advice"), [("interlaced", "bwdif"), ("telecined", "ivtc")])
def test_without_a_choice_nothing_is_written(
    name: str, advice: str, entangled: dict[str, ClipInfo], tmp_path: Path
) -> None:
    source = entangled[name].path
    done = run_program("upsample", source, "film.mp4", folder=tmp_path, program=BLEND_PROGRAM)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert f"is {name}" in done.stderr
    assert f"--deinterlace {advice}, or off" in done.stderr
    assert untangle(entangled[name], "off") is entangled[name]


def test_a_check_of_interlaced_film_wants_a_choice_too(entangled: dict[str, ClipInfo], tmp_path: Path) -> None:
    done = run_program("check", entangled["interlaced"].path, folder=tmp_path, program=BLEND_PROGRAM)
    assert (done.returncode, "is interlaced" in done.stderr) == (1, True)
    chosen = ("--deinterlace", "bwdif", "--json")
    done = run_program("check", entangled["interlaced"].path, *chosen, folder=tmp_path, program=BLEND_PROGRAM)
    assert done.returncode == 0, done.stderr


def test_deinterlaced_frames_keep_their_times_and_are_not_combed(
    entangled: dict[str, ClipInfo], tmp_path: Path
) -> None:
    clip = untangle(entangled["interlaced"], "bwdif")
    with decode(clip) as decoder:
        assert [frame.pts for frame in decoder] == list(clip.times)
    options = ("--deinterlace", "bwdif", "--preset", "ultrafast")
    done = run_program("upsample", clip.path, "film.mp4", *options, folder=tmp_path, program=BLEND_PROGRAM)
    assert done.returncode == 0, done.stderr
    assert frame_times(tmp_path / "film.mp4") == [n * Fraction(1, 50) for n in range(2 * len(clip.packet_pts))]
    assert detect_fields(probe(tmp_path / "film.mp4")).kind == "progressive"


def test_film_on_ntsc_becomes_film_at_exact_times(entangled: dict[str, ClipInfo]) -> None:
    source = entangled["telecined"]
    clip = untangle(source, "ivtc")
    with decode(clip) as decoder:
        times = [frame.pts for frame in decoder]
    assert times == list(clip.times) == [n / FILM for n in range(len(times))]
    assert (clip.rate, clip.end) == (FILM, source.end)
    assert len(times) in (81, 82)
    part = cut_section(clip, FrameNumber(40), FrameNumber(43))
    with decode(part) as decoder:
        assert [frame.pts for frame in decoder] == [n / FILM for n in (40, 41, 42)]


def test_film_is_not_sought_in_a_varying_rate(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "vfr.mkv", ticks=[0, 40, 100, 120, 200])
    with pytest.raises(InputError, match="varying frame rate"):
        untangle(probe(source), "ivtc")
    upsample(source, tmp_path / "film.mp4")  # of five frames too few can be told, and nothing says interlaced
