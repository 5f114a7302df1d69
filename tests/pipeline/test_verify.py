"""A finished file is compared with what was promised, and every difference is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, ffmpeg, make_clip, probe_once

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pipeline.verify import Promise, verify
from ifrplus_cli.values import ClipInfo, ColourTags, Timing
from ifrplus_cli.video.formats.containers import write_display_matrix
from ifrplus_cli.video.writing import targets
from ifrplus_cli.video.writing.encode_plan import EncodePlan, plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

CHAPTERS = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n"
DESCRIBED = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,setsar=4/3"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of ten frames with sound and a chapter; its own description is what is promised."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "chapters.txt").write_text(CHAPTERS)
    picture = make_clip(folder / "picture.mp4", frames=10, codec="libx264", filters=DESCRIBED)
    inputs = ("-i", picture, *BEEP, "-i", folder / "chapters.txt", "-map_metadata", 2)
    ffmpeg(*inputs, "-c:v", "copy", "-c:a", "aac", "-t", "0.4", folder / "film.mp4")
    return folder / "film.mp4"


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A film that stays the same from test to test is probed once."""
    monkeypatch.setattr(targets, "probe", probe_once)


@pytest.fixture(scope="module")
def promise(film: Path) -> Promise:
    """What holds for the film as it is."""
    clip = probe_once(film)
    plan = plan_encode(
        clip, target_of(film), EncodeOptions("libx264"), Timing(clip.time_base, clip.rate, clip.last_duration)
    )
    return Promise(plan, 10, clip.start, clip.start + Fraction(9, 25), Fraction(10, 25))


def with_plan(promise: Promise, **changes: object) -> Promise:
    return replace(promise, plan=replace(promise.plan, **changes))  # type: ignore[arg-type]


def with_clip(promise: Promise, **changes: object) -> Promise:
    return with_plan(promise, clip=replace(promise.plan.clip, **changes))  # type: ignore[arg-type]


def with_colour(promise: Promise, **changes: object) -> Promise:
    return with_plan(promise, colour=replace(promise.plan.colour, **changes))  # type: ignore[arg-type]


def test_a_file_that_keeps_the_promise_passes(film: Path, promise: Promise) -> None:
    result, notes = verify(film, promise)
    assert len(result.packet_pts) == 10
    assert notes == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: replace(p, frames=11), "it has 10 frames instead of 11"),
        (lambda p: replace(p, frames=9), "it has 10 frames instead of 9"),
        (lambda p: replace(p, last_pts=p.last_pts + Fraction(3, 1000)), "its frames span 0.360 s instead of 0.363 s"),
        (lambda p: replace(p, duration=p.duration + Fraction(1, 10)), "it lasts 0.400 s instead of 0.500 s"),
        (lambda p: with_plan(p, stored_width=66), "its size is 64x48"),
        (lambda p: with_clip(p, sample_aspect=None), "its pixel aspect is 4/3 instead of 1"),
        (lambda p: with_clip(p, display_matrix=(0, 1, 0, -1, 0, 0, 0, 0, 1)), "its rotation differs from the source's"),
        (lambda p: with_clip(p, chapters=2 * p.plan.clip.chapters), "it has 1 of 2 chapters"),
        (lambda p: with_plan(p, colour=ColourTags("bt2020", "bt709", "bt709", "tv")), "primaries is bt709 instead of"),
        (lambda p: with_plan(p, colour=ColourTags("bt709", "smpte2084", "bt709", "tv")), "transfer is bt709 instead"),
        (lambda p: with_colour(p, matrix="bt2020nc"), "matrix is bt709 instead of"),
        (lambda p: with_plan(p, colour=ColourTags("bt709", "bt709", "bt709", "pc")), "range is tv instead of pc"),
    ],
)
def test_a_broken_promise_is_named(
    change: Callable[[Promise], Promise], told: str, film: Path, promise: Promise
) -> None:
    with pytest.raises(OutputError) as broken:
        verify(film, change(promise))
    assert told in broken.value.message
    assert broken.value.message.count(";") == 0, "only what differs is named"
    assert "no output was kept" in broken.value.hint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-map", "0:v"), "it has 0 of 1 other streams"),
        (("-map", "0:v", "-map", "0:a", "-map_chapters", "-1"), "it has 0 of 1 chapters"),
        (("-map", "0:v", "-map", "1:a"), "its sound starts 0.1"),
        (("-map", "0:v", "-map", "2:a"), "its sound lasts 0.2"),
        (("-map", "0:v", "-map", "3:s"), "is subtitle instead of audio"),
        (("-map", "0", "-bsf:v", "noise=drop=eq(n\\,9)"), "it has 9 frames instead of 10"),
    ],
)
def test_a_file_that_lacks_something_does_not_pass(
    arguments: tuple[str, ...], told: str, film: Path, promise: Promise, tmp_path: Path
) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n")
    inputs = ("-i", film, "-itsoffset", "0.2", "-i", film, "-t", "0.2", "-i", film, "-i", tmp_path / "words.srt")
    ffmpeg(*inputs, *arguments, "-c", "copy", "-c:s", "mov_text", tmp_path / "film.mp4")
    with pytest.raises(OutputError) as broken:
        verify(tmp_path / "film.mp4", promise)
    assert told in broken.value.message


def test_a_lost_rotation_is_found(film: Path, promise: Promise, tmp_path: Path) -> None:
    turned = tmp_path / "film.mp4"
    turned.write_bytes(film.read_bytes())
    write_display_matrix(turned, (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    with pytest.raises(OutputError, match="its rotation differs from the source's"):
        verify(turned, promise)


@pytest.mark.parametrize("length", [0, 1000])
def test_a_file_that_cant_be_read_back_does_not_pass(length: int, film: Path, promise: Promise, tmp_path: Path) -> None:
    broken = tmp_path / "film.mp4"
    broken.write_bytes(film.read_bytes()[:length])
    with pytest.raises(OutputError, match="The finished file can't be read back"):
        verify(broken, promise)


def plan_of(clip: ClipInfo, output: Path, codec: str) -> EncodePlan:
    return plan_encode(
        clip, target_of(output), EncodeOptions(codec), Timing(clip.time_base, clip.rate, clip.last_duration)
    )


@pytest.mark.parametrize("aspect", ["12/11", "4/3", "8/9", "1/1"])
def test_a_pixel_aspect_that_matroska_rounds_passes(aspect: str, tmp_path: Path) -> None:
    source = probe_once(make_clip(tmp_path / "source.mkv", frames=2, filters=f"setsar={aspect}"))
    ffmpeg("-i", source.path, "-c:v", "libvpx-vp9", "-lossless", 1, "-cpu-used", 8, tmp_path / "film.webm")
    kept = Promise(
        plan_of(source, tmp_path / "film.webm", "libvpx-vp9"), 2, Fraction(0), Fraction(1, 25), Fraction(2, 25)
    )
    result, _ = verify(tmp_path / "film.webm", kept)
    assert abs((result.sample_aspect or 1) - Fraction(aspect)) < Fraction(1, 64)


@pytest.mark.parametrize("told", [None, "pc"])
def test_rgb_is_full_range_whether_it_says_so_or_not(told: str | None, tmp_path: Path) -> None:
    source = probe_once(make_clip(tmp_path / "source.nut", frames=2, pix_fmt="rgb24", codec="rawvideo"))
    source = replace(source, colour=replace(source.colour, range=told))
    ffmpeg("-i", source.path, "-c:v", "ffv1", tmp_path / "film.mkv")
    plan = plan_of(source, tmp_path / "film.mkv", "ffv1")
    result, _ = verify(tmp_path / "film.mkv", Promise(plan, 2, Fraction(0), Fraction(1, 25), Fraction(2, 25)))
    assert result.pixel_format.name == "gbrp"


def test_a_stream_without_content_is_not_missed_but_noted(clip: Path, tmp_path: Path) -> None:
    silence = ("-f", "s16le", "-i", "/dev/null")
    ffmpeg("-i", clip, *silence, "-map", 0, "-map", 1, "-c", "copy", tmp_path / "source.mkv")
    ffmpeg("-i", clip, "-c", "copy", tmp_path / "film.mkv")
    plan = plan_of(probe_once(tmp_path / "source.mkv"), tmp_path / "film.mkv", "ffv1")
    assert len(plan.carried) == 1
    _, notes = verify(tmp_path / "film.mkv", Promise(plan, 6, Fraction(0), Fraction(5, 25), Fraction(6, 25)))
    assert notes == ("The audio stream 1 is empty and is left out.",)
