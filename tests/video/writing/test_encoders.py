"""The encoder, its pixel format and its options are what a person would choose, or asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import make_clip, picture
from written import LOSSLESS, frames_at, plan, write

from ifrplus_cli.errors import MediaToolError, OutputError
from ifrplus_cli.video.writing.encoders import EncodeOptions, encoder_named


@pytest.mark.parametrize(
    ("source", "output", "codec"),
    [("film.mkv", "a.mp4", "libx264"), ("film.mkv", "a.webm", "libvpx-vp9"), ("rgb.nut", "a.mkv", "libx264rgb")],
)
def test_the_encoder_is_the_one_a_person_would_choose(source: str, output: str, codec: str, tmp_path: Path) -> None:
    pix_fmt, own = ("rgb24", "rawvideo") if source.startswith("rgb") else ("yuv420p", "ffv1")
    made = plan(make_clip(tmp_path / source, pix_fmt=pix_fmt, codec=own, frames=1), tmp_path / output, EncodeOptions())
    assert made.codec == codec


@pytest.mark.parametrize("pix_fmt", ["yuv422p10le", "gray"])
def test_depth_and_chroma_are_the_sources(pix_fmt: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", pix_fmt=pix_fmt, frames=1)
    assert plan(source, tmp_path / "a.mp4", EncodeOptions()).pix_fmt == pix_fmt


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "stored"),
    [
        ("yuv420p12le", "libx264", "yuv420p10le"),
        ("yuv422p", "mpeg4", "yuv420p"),
        ("gray", "libvpx-vp9", "yuv420p"),
        ("yuv444p10le", "libsvtav1", "yuv420p10le"),
    ],
)
def test_what_an_encoder_cant_store_is_stored_as_the_nearest_and_said(
    pix_fmt: str, codec: str, stored: str, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "film.mkv", pix_fmt=pix_fmt, frames=1)
    made = plan(source, tmp_path / "a.mkv", EncodeOptions(codec))
    assert made.pix_fmt == stored
    assert f"stored as {stored}" in " ".join(made.notes)


@pytest.mark.parametrize(("quality", "better"), [(None, True), ("50", True), ("100", False)])
def test_a_note_names_the_quality_of_webp_and_a_better_one(quality: str | None, better: bool, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", frames=2)
    options = EncodeOptions(encoder_args=(("quality", quality),) if quality else ())
    (note,) = plan(source, tmp_path / "a.webp", options).notes
    assert f"at quality {quality or 90}" in note
    assert ("quality=100" in note) == better


def test_defaults_hide_no_detail(clip: Path, tmp_path: Path) -> None:
    assert dict(plan(clip, tmp_path / "a.mp4", EncodeOptions()).encoder_options) == {"crf": "16", "preset": "medium"}


def test_what_a_person_says_goes_to_the_encoder(clip: Path, tmp_path: Path) -> None:
    options = EncodeOptions("libx264", 20.5, "fast", "yuv444p", (("tune", "grain"), ("g", "25")))
    made = plan(clip, tmp_path / "a.mp4", options)
    assert dict(made.encoder_options) == {"crf": "20.5", "preset": "fast", "tune": "grain", "g": "25"}
    written = write(made, tmp_path / "a.mp4", frames_at(clip))
    assert picture(written)["pix_fmt"] == "yuv444p"


@pytest.mark.parametrize(
    ("size", "pix_fmt", "options", "stored"),
    [
        ("65x35", "yuv420p", LOSSLESS, (66, 36)),
        ("33x21", "yuv422p", LOSSLESS, (34, 21)),
    ],
)
def test_odd_sizes_are_kept_or_have_their_last_column_and_row_repeated(
    size: str, pix_fmt: str, options: EncodeOptions, stored: tuple[int, int], tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "source.mkv", size=size, pix_fmt=pix_fmt, frames=2, noise=True)
    made = plan(source, tmp_path / "film.mkv", options)
    frames = frames_at(source)
    written = frames_at(write(made, tmp_path / "film.mkv", frames))
    width, height = map(int, size.split("x"))
    assert (picture(tmp_path / "film.mkv")["width"], picture(tmp_path / "film.mkv")["height"]) == stored
    assert (f"stored as {stored[0]}x{stored[1]}" in " ".join(made.notes)) == (stored != (width, height))
    for frame, found in zip(frames, written, strict=True):
        across, down = stored[0] - width, stored[1] - height
        luma = np.pad(frame.planes[0], ((0, down), (0, across)), mode="edge")
        assert np.array_equal(found.planes[0], luma)
        assert all(np.array_equal(a, b) for a, b in zip(frame.planes[1:], found.planes[1:], strict=False))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (EncodeOptions("nope"), "no video encoder named nope"),
        (EncodeOptions("copy"), "no video encoder named copy"),
        (EncodeOptions("aac"), "no video encoder named aac"),
        (EncodeOptions("-i"), "no video encoder named -i"),
        (EncodeOptions("a;b"), "not the name of an encoder"),
        (EncodeOptions("ffv1", crf=3), "ffv1 has no --crf"),
        (EncodeOptions("ffv1", preset="slow"), "ffv1 has no --preset"),
        (EncodeOptions("libx264", pix_fmt="nope"), "libx264 can't store nope"),
    ],
)
def test_what_cant_be_done_is_refused_before_the_run(
    options: EncodeOptions, told: str, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError) as refused:
        plan(clip, tmp_path / "film.mkv", options)
    assert told in refused.value.message
    assert refused.value.hint


def test_a_missing_ffmpeg_is_said_before_the_run(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IFRPLUS_FFMPEG", "/nonexistent/ffmpeg")
    with pytest.raises(MediaToolError, match="/nonexistent/ffmpeg was not found"):
        plan(clip, tmp_path / "film.mp4")


def test_an_ffmpeg_that_does_not_run_is_said_to_be_at_fault(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ffmpeg").write_text("#!/nonexistent\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("IFRPLUS_FFMPEG", str(tmp_path / "ffmpeg"))
    with pytest.raises(MediaToolError, match="does not work: No such file"):
        plan(clip, tmp_path / "film.mp4")


def test_mjpeg_stores_full_range_and_says_so(clip: Path, tmp_path: Path) -> None:
    made = plan(clip, tmp_path / "film.mkv", EncodeOptions("mjpeg"))
    assert made.notes == ("The picture is stored in full range: mjpeg has no other.",)
    film = write(made, tmp_path / "film.mkv", frames_at(clip))
    assert (picture(film)["pix_fmt"], picture(film)["color_range"]) == ("yuvj420p", "pc")


def test_a_matrix_that_vp9_cant_store_is_converted_and_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", frames=1, filters="setparams=colorspace=fcc")
    made = plan(source, tmp_path / "film.webm", EncodeOptions())
    assert made.notes == ("VP9 can't store the colour matrix fcc: it is converted to smpte170m.",)
    film = write(made, tmp_path / "film.webm", frames_at(source))
    assert picture(film)["color_space"] == "smpte170m"


def test_a_matrix_that_vp9_cant_store_nor_be_converted_is_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", frames=1, filters="setparams=colorspace=ycgco")
    with pytest.raises(OutputError, match="VP9 can't store the colour matrix ycgco"):
        plan(source, tmp_path / "film.webm", EncodeOptions())


@pytest.mark.parametrize(
    ("told", "crf"), [((), "16"), ((("b", "2M"),), None), ((("qp", "30"),), None), ((("crf", "9"),), "9")]
)
def test_the_usual_quality_gives_way_to_a_rate_that_was_asked_for(
    told: tuple[tuple[str, str], ...], crf: str | None, clip: Path, tmp_path: Path
) -> None:
    chosen = dict(plan(clip, tmp_path / "a.mp4", EncodeOptions("libx264", encoder_args=told)).encoder_options)
    assert chosen.get("crf") == crf
    assert all(chosen[name] == value for name, value in told)


@pytest.mark.parametrize(("name", "encoder"), [("h264", "libx264"), ("vp9", "libvpx-vp9"), ("libx264", "libx264")])
def test_the_name_of_a_format_means_its_encoder(name: str, encoder: str) -> None:
    """With its usual quality: by itself ffmpeg would take much less."""
    assert encoder_named(name) == encoder


def test_grey_of_limited_range_stays_so_in_another_depth(tmp_path: Path) -> None:
    filters = "setparams=range=tv"
    source = make_clip(tmp_path / "film.mkv", pix_fmt="gray16le", frames=2, size="128x96", filters=filters)
    assert picture(source)["color_range"] == "tv"
    made = plan(source, tmp_path / "a.mkv", EncodeOptions())
    assert made.pix_fmt == "gray12le"
    written = write(made, tmp_path / "a.mkv", frames_at(source))
    assert (picture(written)["pix_fmt"], picture(written)["color_range"]) == ("gray12le", "tv")
    before, after = (frames_at(film)[0].planes[0].astype(float) for film in (source, written))
    assert abs(before.mean() - 16 * after.mean()) < 100  # of 65535
