"""Interlaced and telecined films are found, refused without a choice, and deinterlaced at exact times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import ffmpeg, frame_times, make_clip, run_blend_here
from upsampling import upsample

from ifrplus_cli.errors import InputError
from ifrplus_cli.reports.facts import describe_pictures
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.interlace import Fields, deinterlaced, detect_fields
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.reading.trim import FrameNumber, cut_section

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
    assert deinterlaced(clip, None) is clip


def test_small_patterns_that_move_up_and_down_are_not_taken_for_fields(tmp_path: Path) -> None:
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=320x192:rate=24", "-frames:v", 40)
    ffmpeg(*pattern, "-c:v", "libx264", "-crf", 20, tmp_path / "pattern.mp4")
    assert detect_fields(probe(tmp_path / "pattern.mp4")).kind == "progressive"


def test_a_marked_film_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    still = ("-f", "lavfi", "-i", "color=gray:64x48:r=25", "-frames:v", 5, "-x264opts", "interlaced=1")
    ffmpeg(*still, "-vf", "setfield=bff", "-c:v", "libx264", tmp_path / "still.mp4")
    with pytest.raises(InputError, match="is interlaced"):
        deinterlaced(probe(tmp_path / "still.mp4"), None)


@pytest.mark.parametrize(("name", "advice"), [("interlaced", "bwdif"), ("telecined", "ivtc")])
def test_without_a_choice_nothing_is_written(
    name: str, advice: str, entangled: dict[str, ClipInfo], tmp_path: Path
) -> None:
    source = entangled[name].path
    done = run_blend_here("upsample", source, "film.mp4", folder=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert f"is {name}" in done.stderr
    assert f"--deinterlace {advice}, or off" in done.stderr
    assert deinterlaced(entangled[name], "off") is entangled[name]


def test_a_check_of_interlaced_film_wants_a_choice_too(entangled: dict[str, ClipInfo], tmp_path: Path) -> None:
    done = run_blend_here("check", entangled["interlaced"].path, folder=tmp_path)
    assert (done.returncode, "is interlaced" in done.stderr) == (1, True)
    chosen = ("--deinterlace", "bwdif", "--json")
    done = run_blend_here("check", entangled["interlaced"].path, *chosen, folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_deinterlaced_frames_keep_their_times_and_are_not_combed(
    entangled: dict[str, ClipInfo], tmp_path: Path
) -> None:
    clip = deinterlaced(entangled["interlaced"], "bwdif")
    with decode(clip) as decoder:
        assert [frame.pts for frame in decoder] == list(clip.times)
    options = ("--deinterlace", "bwdif", "--preset", "ultrafast")
    done = run_blend_here("upsample", clip.path, "film.mp4", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert frame_times(tmp_path / "film.mp4") == [n * Fraction(1, 50) for n in range(2 * len(clip.packet_pts))]
    assert detect_fields(probe(tmp_path / "film.mp4")).kind == "progressive"


def test_film_on_ntsc_becomes_film_at_exact_times(entangled: dict[str, ClipInfo]) -> None:
    source = entangled["telecined"]
    clip = deinterlaced(source, "ivtc")
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
    with pytest.raises(InputError, match="variable frame rate"):
        deinterlaced(probe(source), "ivtc")
    upsample(source, tmp_path / "film.mp4")  # of five frames too few can be told, and nothing says interlaced


TELECINE = "fps=24000/1001,scale=720:480,{},telecine=first_field=top:pattern=23,{},setfield={}"


@pytest.mark.parametrize(
    ("before", "after", "flag"),
    [
        ("null", "null", "tff"),
        ("null", "null", "prog"),
        ("gblur=sigma=2", "null", "tff"),
        ("null", "gblur=sigma=0.5", "prog"),
        ("null", "scale=640:480", "tff"),
        ("lutyuv=y='16+(val-16)/6'", "null", "tff"),
    ],
    ids=["flagged", "unflagged", "blurred before", "blurred after", "narrower", "dark"],
)
def test_telecined_film_is_found(before: str, after: str, flag: str, bikes: Path, tmp_path: Path) -> None:
    shown = TELECINE.format(before, after, flag)
    options = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-b:v", "6M")
    ffmpeg("-ss", 1.3, "-i", bikes, "-t", 2, "-an", "-vf", shown, *options, tmp_path / "film.mpg")
    clip = probe(tmp_path / "film.mpg")
    assert detect_fields(clip).kind == "telecined"
    with pytest.raises(InputError) as refused:
        deinterlaced(clip, None)
    assert "--deinterlace ivtc" in refused.value.hint


def test_a_still_middle_does_not_hide_interlaced_ends(bikes: Path, tmp_path: Path) -> None:
    chain = (
        "scale=360:288,tinterlace=interleave_top,split=3[a][b][c];[a]trim=end_frame=20[a1];"
        "[b]trim=start_frame=20:end_frame=21,loop=40:1[b1];[c]trim=start_frame=21:end_frame=41,setpts=PTS-STARTPTS[c1];"
        "[a1][b1][c1]concat=n=3,setpts=N/25/TB,setfield=prog"
    )
    film = tmp_path / "film.mp4"
    ffmpeg("-ss", 1.3, "-t", 2.4, "-i", bikes, "-an", "-vf", chain, "-r", 25, "-c:v", "libx264", film)
    assert detect_fields(probe(film)) == Fields("interlaced", "tff")


def test_a_film_that_becomes_interlaced_late_is_found_in_a_container_without_an_index(
    bikes: Path, tmp_path: Path
) -> None:
    chain = (
        "scale=320:240,split[a][b];[a]trim=end_frame=160[a1];[b]setpts=N/50/TB,fps=50,interlace=lowpass=off[b1];"
        "[a1][b1]concat,setpts=N/25/TB,setfield=prog"
    )
    film = tmp_path / "film.avi"
    ffmpeg("-i", bikes, "-an", "-vf", chain, "-r", 25, "-c:v", "mpeg4", "-q:v", 3, film)
    clip = probe(film)
    assert len(clip.packet_pts) > 200
    assert detect_fields(clip).kind == "interlaced"


@pytest.mark.parametrize("size", ["160x90", "256x144", "320x180"])
@pytest.mark.parametrize("rate", [50, 240])
@pytest.mark.parametrize(
    "pattern",
    [
        "testsrc2=s={}:r={}",
        "mandelbrot=s={}:r={}",
        "color=gray:s={}:r={},geq=lum='128+100*sin((Y+N*0.7)*2.4)':cb=128:cr=128",
    ],
    ids=["testsrc2", "mandelbrot", "stripes"],
)
def test_synthetic_patterns_are_progressive(pattern: str, size: str, rate: int, tmp_path: Path) -> None:
    made = ("-f", "lavfi", "-i", pattern.format(size, rate), "-frames:v", 36, "-pix_fmt", "yuv420p")
    ffmpeg(*made, "-c:v", "libx264", "-preset", "veryfast", tmp_path / "pattern.mov")
    assert detect_fields(probe(tmp_path / "pattern.mov")) == Fields("progressive", "auto")


def test_a_pattern_of_varying_rate_is_progressive(tmp_path: Path) -> None:
    ticks = [40 * n + 13 * (n % 3) for n in range(36)]
    source = make_clip(tmp_path / "vfr.mkv", ticks=ticks)
    assert detect_fields(probe(source)) == Fields("progressive", "auto")


def woven(path: Path, *, bottom: bool = False, times: str = "N/25/TB", frames: int = 10, seek: int = 0) -> ClipInfo:
    """An interlaced film of a moving picture with sound, lossless."""
    order = "interleave_bottom" if bottom else "interleave_top"
    moving = "testsrc2=s=160x96:r=50,scroll=horizontal=0.02:vertical=0.013"
    chain = f"{moving},tinterlace={order},settb=1/1000,setpts=round({times})"
    ffmpeg(
        *("-f", "lavfi", "-i", chain, "-f", "lavfi", "-i", "sine=440:d=3", "-frames:v", frames, "-t", 3),
        *("-fps_mode", "vfr", "-enc_time_base:v", "1:1000", "-c:v", "ffv1", "-c:a", "flac", path),
    )
    return probe(path)


@pytest.mark.parametrize("bottom", [False, True])
@pytest.mark.parametrize("times", ["N/25/TB", "(N+0.5*floor(N/3))/25/TB"], ids=["constant", "varying"])
def test_bob_makes_a_frame_of_each_field_at_its_time(bottom: bool, times: str, tmp_path: Path) -> None:
    source = woven(tmp_path / "film.mkv", bottom=bottom, times=times)
    with decode(source) as decoder:
        frames = list(decoder)
    clip = deinterlaced(source, "bob")
    with decode(clip) as decoder:
        fields = list(decoder)
        assert decoder.repaired_times == 0
    ends = [*source.times[1:], source.end]
    wanted = [t for start, end in zip(source.times, ends, strict=True) for t in (start, (start + end) / 2)]
    assert [field.pts for field in fields] == wanted == list(clip.times)
    assert (clip.rate, clip.end) == (2 * source.rate, source.end)
    for number, field in enumerate(fields):
        lines = slice((number + bottom) % 2, None, 2)
        assert (field.planes[0][lines] == frames[number // 2].planes[0][lines]).all()
    part = cut_section(clip, FrameNumber(7), FrameNumber(10))
    with decode(part) as decoder:
        shown = list(decoder)
    assert [frame.pts for frame in shown] == wanted[7:10]
    assert all((one.planes[0] == other.planes[0]).all() for one, other in zip(shown, fields[7:10], strict=True))


def test_bob_doubles_the_rate_before_the_factor_and_keeps_sound_in_sync(tmp_path: Path) -> None:
    source = woven(tmp_path / "film.mkv", frames=75)
    options = ("--deinterlace", "bob", "--start", "0.5", "--end", "1.5", "--preset", "ultrafast")
    done = run_blend_here("upsample", source.path, "film.mp4", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Each field became a frame: 50 frames per second" in " ".join(done.stderr.split())
    times = frame_times(tmp_path / "film.mp4")
    assert [time - times[0] for time in times] == [Fraction(n, 100) for n in range(len(times))]
    assert len(times) in (98, 100, 102)  # a section begins and ends with a whole frame
    sound = next(stream for stream in probe(tmp_path / "film.mp4").streams if stream.kind == "audio")
    assert sound.start is not None and sound.duration is not None
    assert abs(sound.start - times[0]) < Fraction(1, 100)
    assert abs(sound.duration - 1) < Fraction(3, 100)


def test_info_and_the_refusal_name_bob(tmp_path: Path) -> None:
    source = woven(tmp_path / "film.mkv", frames=40)
    done = run_blend_here("upsample", source.path, "film.mp4", folder=tmp_path)
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert "--deinterlace bob (50 frames per second" in told and "--deinterlace bwdif, or off" in told
    assert "--deinterlace bob" in str(describe_pictures(source)["deinterlace"])
