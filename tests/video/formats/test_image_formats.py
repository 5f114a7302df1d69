"""From images and animations to images, animations and films: samples, alpha, times, loops, and nothing half done."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import (
    animation_of,
    blend_model,
    ffmpeg,
    frame_hashes,
    frame_times,
    make_animation,
    make_clip,
    make_images,
    picture,
    run_blend_here,
    streams,
)

from ifrplus_cli.errors import IfrplusError, InputError, OutputError
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import Summary, run_job
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions

RATE = Fraction(25)
NO_CUTS = {"cut_threshold": None}
CLEAR = "geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,W/2),255,0)'"


def upsample(source: Path | ClipInfo, output: Path, factor: Fraction | int = 2, **options: object) -> Summary:
    clip = source if isinstance(source, ClipInfo) else probe(source, RATE if source.is_dir() else None)
    wanted = UpsampleOptions(factor=Fraction(factor), **{**NO_CUTS, **options})  # type: ignore[arg-type]
    job = plan_job(clip, output, wanted)
    return run_job(job, blend_model(size=(job.encode.height, job.encode.width)))


def read(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("suffix", "pix_fmt", "kind"),
    [
        (".png", "rgb24", np.uint8),
        (".png", "rgba", np.uint8),
        (".png", "rgb48be", np.uint16),
        (".png", "rgba64be", np.uint16),
        (".png", "gray", np.uint8),
        (".png", "gray16be", np.uint16),
        (".tif", "rgb24", np.uint8),
        (".tif", "rgba64le", np.uint16),
        (".webp", "bgra", np.uint8),
    ],
)
def test_images_stay_what_they_are(suffix: str, pix_fmt: str, kind: type, tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", suffix, pix_fmt=pix_fmt, frames=3)
    upsample(source, tmp_path / "out")
    written = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in written] == [f"{number:06}{suffix}" for number in range(1, 7)]
    for number in range(3):
        before, after = read(source / f"{number + 1}{suffix}"), read(written[2 * number])
        assert after.dtype == kind
        np.testing.assert_array_equal(after, before)
    left, made, right = (read(written[number]).astype(int) for number in range(3))
    if "a" in pix_fmt.removeprefix("gray"):
        assert set(np.unique(made[..., 3])) == set(np.unique(left[..., 3])), "alpha does not change here"
        seen = left[..., 3] > 0
        left, made, right = left[seen], made[seen], right[seen]
    assert np.abs(made - (left + right) / 2).max() <= 1


def test_jpeg_keeps_its_planes_on_the_way_to_a_film(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", ".jpg", pix_fmt="yuvj422p", frames=3)
    upsample(source, tmp_path / "film.mkv", encode=EncodeOptions("ffv1"))
    images = [frame_hashes(source / f"{number}.jpg", "yuvj422p")[0] for number in (1, 2, 3)]
    assert frame_hashes(tmp_path / "film.mkv", "yuv422p")[::2] == images
    assert (picture(tmp_path / "film.mkv")["color_range"], picture(tmp_path / "film.mkv")["color_space"]) == (
        "pc",
        "bt470bg",
    )


def test_a_film_of_images_plays_everywhere_and_has_their_rate(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in")
    summary = upsample(probe(source, Fraction(24000, 1001)), tmp_path / "film.mp4")
    film = picture(tmp_path / "film.mp4")
    told = [film[key] for key in ("codec_name", "pix_fmt", "color_space", "color_range", "r_frame_rate")]
    assert told == ["h264", "yuv420p", "bt709", "tv", "48000/1001"]
    assert frame_times(tmp_path / "film.mp4") == [n * Fraction(1001, 48000) for n in range(8)]
    assert any("stored as yuv420p" in note for note in summary.notes)


@pytest.mark.parametrize("height", [48, 720])
@pytest.mark.parametrize("name", ["out/%03d.png", "film.apng"])
def test_colours_of_a_film_are_those_of_its_images(height: int, name: str, tmp_path: Path) -> None:
    """Against OpenCV's matrices by hand: grey ramps and the primaries, within a code of 8 bits or two."""
    size = f"{height * 4 // 3}x{height}"
    source = tmp_path / "film.mkv"
    colours = f"color=0xB04020:size={size}:rate=25,drawbox=w=iw/2:color=0x2060C0:t=fill,format=yuv444p"
    matrix = ("smpte170m", "bt709")[height == 720]
    space = f"scale=out_color_matrix={'bt601' if height == 48 else 'bt709'}:out_range=tv:flags=accurate_rnd"
    chain = colours.replace(",format=yuv444p", f",{space},format=yuv444p,setparams=colorspace={matrix}:range=tv")
    ffmpeg("-f", "lavfi", "-i", chain, "-frames:v", 2, "-c:v", "ffv1", source)
    upsample(source, tmp_path / name)
    written = tmp_path / name if name.endswith("apng") else tmp_path / "out/001.png"
    image = animation_of(written)[1][0][..., :3] if name.endswith("apng") else read(written)[..., ::-1].astype(int)
    assert np.abs(image[height // 2, 4] - (0x20, 0x60, 0xC0)).max() <= 2
    assert np.abs(image[height // 2, -4] - (0xB0, 0x40, 0x20)).max() <= 2


@pytest.mark.parametrize("target", [".gif", ".apng", ".webp"])
@pytest.mark.parametrize("source", [".gif", ".apng", ".webp"])
def test_animations_keep_length_loops_and_what_is_clear(source: str, target: str, tmp_path: Path) -> None:
    before = make_animation(tmp_path / f"in{source}", plays=3, filters=CLEAR)
    upsample(before, tmp_path / f"out{target}")
    after = tmp_path / f"out{target}"
    (old, old_pictures, _), (new, new_pictures, _) = animation_of(before), animation_of(after)
    assert (sum(new), probe(after).source.plays) == (sum(old), 3)
    assert set(new[:-1]) == {50}
    assert len(new) == (7 if target == ".webp" else 8)  # WebP joins the last frame with its repetition
    for picture_ in new_pictures:
        assert (picture_[:, 32:, 3] == 0).all()
        assert (picture_[:, :30, 3] == 255).all()
    if target != ".gif":
        seen = old_pictures[1][..., 3] > 0
        np.testing.assert_array_equal(new_pictures[2][seen], old_pictures[1][seen])


def test_delays_of_a_gif_are_its_own_and_stay_varied(tmp_path: Path) -> None:
    ticks = [0, 100, 140, 400]
    times = "+".join(rf"eq(N\,{number})*{tick}" for number, tick in enumerate(ticks))
    paced = f"settb=1/1000,setpts={times}"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"testsrc2=size=64x48:rate=25,trim=end_frame=4,{paced},split[a][b];[a]palettegen[p];[b][p]paletteuse",
        "-fps_mode",
        "passthrough",
        "-final_delay",
        20,
        tmp_path / "in.gif",
    )
    assert animation_of(tmp_path / "in.gif")[0] == [100, 40, 260, 200]
    upsample(tmp_path / "in.gif", tmp_path / "out.gif")
    assert animation_of(tmp_path / "out.gif")[0] == [50, 50, 20, 20, 130, 130, 100, 100]


@pytest.mark.parametrize(("rate", "frames", "total"), [("15", 6, 400), ("12", 8, 670)])
def test_uneven_times_are_rounded_to_what_a_gif_can_hold(rate: str, frames: int, total: int, tmp_path: Path) -> None:
    upsample(make_clip(tmp_path / "in.mkv", rate=rate, frames=frames), tmp_path / "out.gif")
    durations, *_ = animation_of(tmp_path / "out.gif")
    assert (len(durations), sum(durations)) == (2 * frames, total)
    assert max(durations) - min(durations) == 10


@pytest.mark.parametrize(("name", "most"), [("out.gif", 50), ("out.apng", 90), ("out.webp", 90)])
def test_what_browsers_would_slow_down_is_refused(name: str, most: int, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=f"more than {most} frames per second"):
        upsample(clip, tmp_path / name, 4)
    upsample(clip, tmp_path / name, fps=Fraction(most))
    assert len(animation_of(tmp_path / name)[0]) >= 6 * most // 25 - 2


def test_a_gif_has_its_own_palette(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", frames=3)
    upsample(source, tmp_path / "own.gif")
    ffmpeg("-i", source, tmp_path / "fixed.gif")  # by 256 colours that are the same for every film
    exact = "scale=flags=accurate_rnd+full_chroma_int,format=rgb24"
    ffmpeg("-i", source, "-vf", exact, "-frames:v", 1, tmp_path / "first.png")
    wanted = read(tmp_path / "first.png")[..., ::-1].astype(int)
    own, fixed = (
        np.abs(animation_of(tmp_path / name)[1][0][..., :3] - wanted).mean() for name in ("own.gif", "fixed.gif")
    )
    assert own < fixed / 2


def test_what_is_half_clear_moves_as_colour_does(tmp_path: Path) -> None:
    """Colours are mixed as far as they are seen: nothing dark comes from what is clear."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, alpha in enumerate((255, 0)):
        image = np.zeros((48, 64, 4), np.uint8)
        image[:, :] = (30, 60, 200, 255)
        image[10:30, 10:50] = (30, 60, 200, 255) if alpha else (0, 0, 0, 0)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    upsample(folder, tmp_path / "out")
    made = read(tmp_path / "out/000002.png").astype(int)
    assert np.abs(made[..., 3][12:28, 12:48] - 127.5).max() <= 0.5
    assert np.abs(made[..., :3] - (30, 60, 200)).max() <= 1


@pytest.mark.parametrize(
    ("name", "options", "pix_fmt", "alpha"),
    [
        ("film.mp4", EncodeOptions(), "yuv420p", False),
        ("film.webm", EncodeOptions(), "yuv420p", True),
        ("film.mov", EncodeOptions(purpose="edit"), "yuva444p12le", True),
        ("film.mkv", EncodeOptions("ffv1"), "bgra", True),
    ],
)
def test_what_is_clear_is_kept_or_laid_over_white(
    name: str, options: EncodeOptions, pix_fmt: str, alpha: bool, tmp_path: Path
) -> None:
    summary = upsample(make_animation(tmp_path / "in.apng", filters=CLEAR), tmp_path / name, encode=options)
    film = picture(tmp_path / name)
    assert film["pix_fmt"] == pix_fmt
    assert any("laid over white" in note for note in summary.notes) is not alpha
    if name == "film.webm":
        assert film["tags"].get("alpha_mode", film["tags"].get("ALPHA_MODE")) == "1"
    if not alpha:
        ffmpeg("-i", tmp_path / name, "-frames:v", 1, tmp_path / "first.png")
        assert read(tmp_path / "first.png")[:, 36:].min() > 245


def test_alpha_of_16_bit_counts_for_more_than_depth_in_webm(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", pix_fmt="rgba64be", frames=2)
    upsample(source, tmp_path / "film.webm")
    tags = picture(tmp_path / "film.webm")["tags"]
    assert tags.get("alpha_mode", tags.get("ALPHA_MODE")) == "1"


def test_a_gif_without_anything_clear_says_nothing_of_it(tmp_path: Path) -> None:
    summary = upsample(make_animation(tmp_path / "in.gif"), tmp_path / "film.mp4")
    assert not any("clear" in note for note in summary.notes)
    assert len(frame_times(tmp_path / "film.mp4")) == 8


def test_images_with_and_without_alpha_share_a_format(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", frames=2)
    image = read(source / "2.png")
    cv2.imwrite(str(source / "3.png"), np.dstack([image, np.full(image.shape[:2], 99, np.uint8)]))
    upsample(source, tmp_path / "out")
    np.testing.assert_array_equal(read(tmp_path / "out/000005.png"), read(source / "3.png"))
    assert (read(tmp_path / "out/000001.png")[..., 3] == 255).all()


def test_a_part_of_a_sequence_and_a_constant_rate(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", frames=6)
    upsample(source, tmp_path / "out/%02d.png", fps=Fraction(40), start=Fraction(1, 25), end=Fraction(4, 25))
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == [f"{number:02}.png" for number in range(1, 6)]
    np.testing.assert_array_equal(read(tmp_path / "out/01.png"), read(source / "2.png"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_turned_by_its_exif_data_is_turned(orientation: int, tmp_path: Path) -> None:
    from PIL import Image, ImageOps

    source = make_images(tmp_path / "in", ".jpg", pix_fmt="yuvj420p", frames=2, size="96x64")
    for file in source.iterdir():
        with Image.open(file) as image:
            exif = image.getexif()
            exif[0x0112] = orientation
            image.save(file, exif=exif, quality=95)
    upsample(source, tmp_path / "out/%d.png")
    with Image.open(source / "1.jpg") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))[..., ::-1]
    made = read(tmp_path / "out/1.png")
    assert made.shape == upright.shape
    assert np.abs(made.astype(float) - upright).mean() < 3


def test_an_image_that_cant_be_decoded_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", frames=5)
    content = bytearray((source / "4.png").read_bytes())
    content[300:400] = bytes(100)
    (source / "4.png").write_bytes(content)
    with pytest.raises(InputError, match=r"4\.png can't be decoded"):
        upsample(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_long_film_of_images_is_joined_from_segments(tmp_path: Path) -> None:
    make_images(tmp_path / "in", frames=9)
    small = {"SEGMENT_FRAMES": "5"}
    options = ("--input-fps", "25", "--codec", "ffv1", "-q", "--no-cuts")
    done = run_blend_here("upsample", "in", "a.mkv", *options, folder=tmp_path, environment=small)
    assert (done.returncode, len(frame_times(tmp_path / "a.mkv"))) == (0, 18), done.stderr
    upsample(tmp_path / "in", tmp_path / "b.mkv", encode=EncodeOptions("ffv1"))
    assert frame_hashes(tmp_path / "a.mkv", "gbrp") == frame_hashes(tmp_path / "b.mkv", "gbrp")


def test_frames_that_are_all_alike_are_no_animation(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="All frames are alike"):
        upsample(make_animation(tmp_path / "in.gif", frames=1), tmp_path / "out.webp")
    assert [path.name for path in tmp_path.iterdir()] == ["in.gif"]


def test_a_film_is_stored_as_rgb_by_its_own_matrix(tmp_path: Path) -> None:
    described = "setparams=colorspace=bt709:range=tv"
    source = make_clip(tmp_path / "in.mkv", frames=2, pix_fmt="yuv444p", filters=described)
    upsample(source, tmp_path / "out.mkv", encode=EncodeOptions("libx264rgb", crf=0))
    exact = "scale=in_color_matrix=bt709:flags=accurate_rnd+full_chroma_int,format=gbrp"
    ffmpeg("-i", source, "-vf", exact, "-c:v", "ffv1", tmp_path / "exact.mkv")
    assert frame_hashes(tmp_path / "out.mkv", "gbrp")[::2] == frame_hashes(tmp_path / "exact.mkv", "gbrp")


def test_sound_and_the_like_are_left_out_and_said(tmp_path: Path, talking: Path) -> None:
    summary = upsample(talking, tmp_path / "out/%d.jpg", end=Fraction(1, 5))
    assert any("Images can store only the picture" in note and "sound" in note for note in summary.notes)
    assert picture(tmp_path / "out/1.jpg")["color_space"] == "bt470bg"
    assert len(streams(tmp_path / "out/1.jpg")) == 1


def test_a_folder_is_replaced_only_if_it_is_said_and_holds_images_alone(tmp_path: Path) -> None:
    source = make_images(tmp_path / "in", frames=2)
    out = make_images(tmp_path / "out", frames=9)
    with pytest.raises(OutputError, match="already exists, with 9 images"):
        upsample(source, out)
    (out / "notes.txt").touch()
    with pytest.raises(OutputError, match=r"contains notes\.txt"):
        upsample(source, out, overwrite=True)
    (out / "notes.txt").unlink()
    upsample(source, out, overwrite=True)
    assert len(list(out.iterdir())) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


@pytest.mark.parametrize("name", ["out.gif", "out.webp", "out/%d.png"])
def test_a_run_that_fails_leaves_nothing(name: str, tmp_path: Path, clip: Path) -> None:
    source = probe(clip)
    job = plan_job(source, tmp_path / name, UpsampleOptions())

    def fail(*_: object) -> np.ndarray:
        raise OutputError("No.", "")

    with pytest.raises(IfrplusError):
        run_job(job, blend_model(fail))
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_takes_and_makes_images(tmp_path: Path) -> None:
    make_images(tmp_path / "in", frames=3)
    done = run_blend_here("upsample", "in", "out", "--input-fps", "24", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames_out"] == len(list((tmp_path / "out").iterdir())) == 6
    refused = run_blend_here("upsample", "in", "film.mp4", folder=tmp_path)
    assert (refused.returncode, "--input-fps" in refused.stderr) == (1, True)
    dry = run_blend_here("upsample", "in/%d.png", "o/%d.png", "--input-fps", "24", "--dry-run", folder=tmp_path)
    assert (dry.returncode, (tmp_path / "o").exists()) == (0, False)
    many = run_blend_here("upsample", "in", "out", "many", "--input-fps", "24", "-q", folder=tmp_path)
    assert (many.returncode, {path.name for path in (tmp_path / "many").iterdir()}) == (0, {"in.mp4", "out.mp4"})
