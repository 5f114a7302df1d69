"""RGB, alpha and odd pixel formats: what is stored is what can be shown, or a note says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from clips import FFMPEG, ffmpeg, make_clip, picture, probe_once
from upsampling import upsample

from ifrplus_cli.video.formats.format_notes import format_notes, is_kept
from ifrplus_cli.video.writing.encoders import EncodeOptions

QUICK = (("deadline", "realtime"), ("cpu-used", "8"))


@pytest.fixture(scope="module")
def rgb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("rgb") / "in.mkv", codec="libx264rgb", pix_fmt="rgb24")


@pytest.mark.parametrize(
    ("name", "purpose", "stored"),
    [
        ("film.mp4", None, "yuv420p"),
        ("film.mp4", "web", "yuv420p"),
        ("film.mov", "edit", "yuv444p12le"),  # as the decoder of ProRes 4444 tells it
    ],
)
def test_rgb_is_converted_where_players_expect_yuv(
    name: str, purpose: str | None, stored: str, rgb: Path, tmp_path: Path
) -> None:
    notes = upsample(rgb, tmp_path / name, encode=EncodeOptions(purpose=purpose)).notes
    found = picture(tmp_path / name)
    assert (found["pix_fmt"], found["color_space"]) == (stored, "bt709")
    assert len(notes) == 1 and "converted from RGB to YUV by the matrix of BT.709" in notes[0]
    before, after = first_frame(rgb), first_frame(tmp_path / name)
    assert np.abs(before - after).mean() < 8  # colours are what they were


def test_grey_with_alpha_is_not_called_rgb(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="png", output=("-pix_fmt", "ya8"))
    notes = upsample(source, tmp_path / "film.mp4", encode=EncodeOptions(preset="ultrafast")).notes
    assert "converted from grey with alpha, read as RGB, to YUV" in notes[0]


def first_frame(path: Path) -> np.ndarray:
    command = [FFMPEG, "-v", "error", "-i", str(path), "-frames:v", "1", "-f", "rawvideo"]
    told = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(told, np.uint8).astype(float)


def test_rgb_in_matroska_stays_and_says_who_shows_it(rgb: Path, tmp_path: Path) -> None:
    notes = upsample(rgb, tmp_path / "film.mkv", encode=EncodeOptions(preset="ultrafast")).notes
    assert picture(tmp_path / "film.mkv")["pix_fmt"] == "gbrp"
    assert any("H.264 of RGB" in note and "--codec libx264 --pix-fmt yuv420p" in note for note in notes)


@pytest.mark.parametrize(
    ("pix_fmt", "said"),
    [("yuv422p10le", "4:2:2 and 10 bits"), ("yuv444p", "4:4:4 and 8 bits"), ("yuv420p10le", "4:2:0 and 10 bits")],
)
def test_h264_that_few_players_show_is_named(pix_fmt: str, said: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt)
    notes = upsample(source, tmp_path / "film.mp4", encode=EncodeOptions(preset="ultrafast")).notes
    assert any(f"H.264 of {said}" in note and "--pix-fmt yuv420p" in note for note in notes)
    asked = EncodeOptions(preset="ultrafast", pix_fmt=pix_fmt)
    assert upsample(source, tmp_path / "again.mp4", encode=asked).notes == ()


@pytest.mark.parametrize(
    ("pix_fmt", "said"), [("yuv422p10le", "4:2:2 and 10 bits"), ("yuv444p", "4:4:4 and 8 bits"), ("yuv420p", None)]
)
def test_what_a_purpose_loses_is_named(pix_fmt: str, said: str | None, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt)
    notes = upsample(source, tmp_path / "film.mp4", encode=EncodeOptions(preset="ultrafast", purpose="web")).notes
    expected = (f"--for web stores 4:2:0 and 8 bits of the source's {said}.",) if said else ()
    assert notes == expected


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("ffv1", "yuv411p"), ("ffv1", "yuv410p"), ("rawvideo", "monob"), ("ffv1", "yuv440p")],
)
def test_formats_that_are_stored_as_others_are_named(codec: str, pix_fmt: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.nut", codec=codec, output=("-pix_fmt", pix_fmt))
    notes = upsample(source, tmp_path / "film.mkv", encode=EncodeOptions("ffv1")).notes
    assert any(f"The {pix_fmt} of the source is converted to" in note for note in notes)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
@pytest.mark.parametrize("colour_range", ["tv", "pc"])
def test_grey_in_h264_is_named_as_it_is_read(pix_fmt: str, colour_range: str, tmp_path: Path) -> None:
    written = ("-pix_fmt", pix_fmt, "-color_range", colour_range)
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", output=written)
    notes = upsample(source, tmp_path / "film.mp4", encode=EncodeOptions(preset="ultrafast")).notes
    assert (
        f"H.264 stores {pix_fmt} without chroma, and it is read as {picture(tmp_path / 'film.mp4')['pix_fmt']}."
        in notes
    )


def test_bits_that_an_encoder_with_alpha_lacks_are_named(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.nut", codec="rawvideo", output=("-pix_fmt", "yuva420p10le"))
    notes = upsample(source, tmp_path / "film.webm", encode=EncodeOptions(encoder_args=QUICK)).notes
    assert any("stored as yuva420p, with 8 bits instead of 10: libvpx-vp9 can't store yuva420p10le" in n for n in notes)


def test_the_order_of_bytes_changes_no_depth(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.nut", codec="rawvideo", output=("-pix_fmt", "yuv420p10be"))
    upsample(source, tmp_path / "film.mkv", encode=EncodeOptions("ffv1"))
    assert picture(tmp_path / "film.mkv")["pix_fmt"] == "yuv420p10le"


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "rgb24", "bgr0", "gbrp10le", "rgb48be", "yuv422p10be", "pal8"])
def test_formats_that_only_lie_otherwise_are_kept(name: str) -> None:
    assert is_kept(name)


CIRCLE = "format=yuva420p,geq=lum='p(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='if(lt(hypot(X-32,Y-24),20),255,0)'"


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A webm that is clear outside a circle."""
    path = tmp_path_factory.mktemp("clear") / "in.webm"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=64x48:r=25,trim=end_frame=5,{CIRCLE}", "-c:v", "libvpx-vp9"),
        *("-deadline", "realtime", "-pix_fmt", "yuva420p", "-b:v", "300k", path),
    )
    return path


def alpha(path: Path, decoder: tuple[str, ...] = ()) -> np.ndarray:
    command = [FFMPEG, "-v", "error", *decoder, "-i", str(path), "-vf", "alphaextract,format=gray", "-f", "rawvideo"]
    told = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    return np.frombuffer(told, np.uint8).reshape(-1, 48, 64)


def test_alpha_stays_from_webm_to_webm(clear: Path, tmp_path: Path) -> None:
    options = EncodeOptions(encoder_args=QUICK)
    assert upsample(clear, tmp_path / "film.webm", encode=options).notes == ()
    found = alpha(tmp_path / "film.webm", ("-c:v", "libvpx-vp9"))
    assert len(found) == 10
    assert found[:, 24, 32].min() > 250 and found[:, 2, 2].max() < 5
    assert mode(tmp_path / "film.webm") == "1"


@pytest.mark.parametrize(
    ("pix_fmt", "said"),
    [
        ("yuva444p", "stored as yuva420p: libvpx-vp9 can't store yuva444p."),
        ("yuva444p10le", "stored as yuva420p, with 8 bits instead of 10"),
        ("gbrap", "converted from RGB to YUV by the matrix of BT.709, and stored as yuva420p"),
    ],
)
def test_alpha_counts_for_more_than_chroma_and_depth(pix_fmt: str, said: str, tmp_path: Path) -> None:
    half = ("-vf", "format=rgba,colorchannelmixer=aa=0.5", "-pix_fmt", pix_fmt)
    source = make_clip(tmp_path / "in.mkv", frames=3, output=half)
    notes = upsample(source, tmp_path / "film.webm", encode=EncodeOptions(encoder_args=QUICK)).notes
    assert any(said in note for note in notes) and not any("laid over white" in note for note in notes)
    found = alpha(tmp_path / "film.webm", ("-c:v", "libvpx-vp9"))
    assert len(found) == 6 and np.abs(found.astype(int) - 127).max() <= 3


def test_alpha_of_8_bit_rgb_stays_in_ffv1(tmp_path: Path) -> None:
    half = ("-vf", "format=rgba,colorchannelmixer=aa=0.5", "-pix_fmt", "bgra")
    source = make_clip(tmp_path / "in.mkv", frames=3, output=half)
    for name in ("film.mkv", "again.mkv"):
        assert upsample(source, tmp_path / name, encode=EncodeOptions("ffv1")).notes == ()
        source = tmp_path / name
    assert set(alpha(source).flat) == {128}


def mode(path: Path) -> str | None:
    return {name.lower(): text for name, text in picture(path).get("tags", {}).items()}.get("alpha_mode")


def test_no_file_without_alpha_claims_to_have_it(clear: Path, tmp_path: Path) -> None:
    options = EncodeOptions(encoder_args=QUICK, pix_fmt="yuv420p")
    notes = upsample(clear, tmp_path / "film.webm", encode=options).notes
    assert mode(tmp_path / "film.webm") is None
    assert any("laid over white" in note for note in notes)


def test_alpha_stays_for_editing(tmp_path: Path) -> None:
    chain = "testsrc=s=64x48:r=25,trim=end_frame=4,format=argb,colorchannelmixer=aa=0.5"
    ffmpeg("-f", "lavfi", "-i", chain, "-c:v", "qtrle", tmp_path / "in.mov")
    upsample(tmp_path / "in.mov", tmp_path / "film.mov", encode=EncodeOptions(purpose="edit"))
    assert picture(tmp_path / "film.mov")["pix_fmt"].startswith("yuva444p")
    assert np.abs(alpha(tmp_path / "film.mov").astype(int) - 127).max() <= 2


@pytest.mark.parametrize("pix_fmt", ["bgr0", "bgra", "nv12", "yuvj420p"])
def test_formats_that_only_ffmpeg_has_are_described(pix_fmt: str, clip: Path) -> None:
    assert isinstance(list(format_notes(probe_once(clip), "ffv1", pix_fmt, "archive", asked=False)), list)
