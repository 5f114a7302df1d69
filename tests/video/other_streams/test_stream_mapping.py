"""What a film holds beside its picture comes along, or a note says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from clips import BEEP, ffmpeg, look_at, make_clip, picture, streams
from upsampling import upsample
from written import LOSSLESS, frames_at, plan, write

from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.encoders import EncodeOptions

CHAPTERS = """;FFMETADATA1
title=A film
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=100
title=One
[CHAPTER]
TIMEBASE=1/1000
START=100
END=240
title=Two
"""
WORDS = "1\n00:00:00,000 --> 00:00:00,100\nHello\n\n2\n00:00:00,120 --> 00:00:00,200\nyou\n"
TITLES = ("-metadata:s:v", "title=Picture", "-metadata:s:a", "language=deu", "-metadata:s:s", "language=fra")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film of many streams as mkv, one with a cover as mp4, and one with nothing but its picture."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "words.srt").write_text(
        "1\n00:00:00,000 --> 00:00:00,100\nHello\n\n2\n00:00:00,120 --> 00:00:00,200\nyou\n"
    )
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "type.ttf").write_bytes(b"\0\1\0\0" + bytes(200))
    ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", 1, folder / "cover.jpg")
    make_clip(folder / "picture.mkv", codec="libx264")
    inputs = ("-i", folder / "picture.mkv", *BEEP, "-i", folder / "words.srt", "-i", folder / "chapters.txt")
    ffmpeg(
        *inputs, *("-map", 0, "-map", 1, "-map", 1, "-map", 1, "-map", 1, "-map", 2, "-map", 2, "-map", 2),
        *("-map_metadata", 3, "-c:v", "copy", "-t", "0.24", "-attach", folder / "type.ttf"),
        *("-metadata:s:t", "mimetype=application/x-truetype-font", *TITLES, "-disposition:s:1", "forced"),
        *("-c:a:0", "aac", "-c:a:1", "libmp3lame", "-c:a:2", "pcm_s16le", "-c:a:3", "ac3"),
        *("-c:s:0", "srt", "-c:s:1", "ass", "-c:s:2", "webvtt"),
        folder / "many.mkv",
    )  # fmt: skip
    ffmpeg(
        *inputs, *("-i", folder / "cover.jpg", "-map", 0, "-map", 4, "-map", 1, "-map", 2, "-map_metadata", 3),
        *("-c:v", "copy", "-disposition:v:1", "attached_pic", "-c:a", "aac", "-c:s", "mov_text", "-t", "0.24", *TITLES),
        folder / "cover.mp4",
    )  # fmt: skip
    ffmpeg("-i", folder / "picture.mkv", "-i", folder / "chapters.txt", "-map_metadata", 1, "-c", "copy", *TITLES[:2],
           folder / "bare.mkv")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def rewrite(rich: Path) -> Callable[[str, str], tuple[Path, EncodePlan]]:
    """Writes one of the films into another container, once for all tests."""

    @cache
    def rewritten(source: str, output: str) -> tuple[Path, EncodePlan]:
        path = rich / f"{source}-{output}"
        made = plan(rich / source, path, EncodeOptions() if path.suffix == ".webm" else LOSSLESS)
        return write(made, path, frames_at(rich / source)), made

    return rewritten


Rewrite = Callable[[str, str], tuple[Path, EncodePlan]]


def kinds(path: Path) -> list[tuple[str, str]]:
    """Kind and codec of every stream, without the text track behind an mp4's chapters."""
    found = [(stream["codec_type"], stream.get("codec_name", "?")) for stream in streams(path)]
    return [stream for stream in found if stream != ("data", "bin_data")]


CONVERTED, LEFT_OUT = "is converted to", "can't be stored and is left out"


@pytest.mark.parametrize(
    ("source", "output", "expected", "notes"),
    [
        (
            "many.mkv",
            "a.mkv",
            "audio aac, audio mp3, audio pcm_s16le, audio ac3, subtitle subrip, subtitle ass, subtitle webvtt, "
            "attachment ttf",
            [],
        ),
        (
            "many.mkv",
            "a.mp4",
            "audio aac, audio mp3, audio aac, audio ac3, subtitle mov_text, subtitle mov_text, subtitle mov_text",
            [
                f"The audio stream 3 (pcm_s16le) {CONVERTED} aac.",
                f"The subtitle stream 5 (subrip) {CONVERTED} mov_text.",
                f"The subtitle stream 6 (ass) {CONVERTED} mov_text.",
                f"The subtitle stream 7 (webvtt) {CONVERTED} mov_text.",
                f"The attachment stream 8 (ttf) {LEFT_OUT}.",
            ],
        ),
        ("cover.mp4", "a.mkv", "audio aac, subtitle subrip, video mjpeg", [f"stream 2 (mov_text) {CONVERTED} srt"]),
        ("cover.mp4", "a.mp4", "audio aac, subtitle mov_text, video mjpeg", []),
        (
            "cover.mp4",
            "a.webm",
            "audio opus, subtitle webvtt",
            [
                f"stream 1 (aac) {CONVERTED} libopus",
                f"stream 2 (mov_text) {CONVERTED} webvtt",
                f"(mjpeg) {LEFT_OUT}",
            ],
        ),
        ("bare.mkv", "a.mp4", "", []),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_every_stream_comes_along_or_a_note_says_what_became_of_it(
    source: str, output: str, expected: str, notes: list[str], rewrite: Rewrite
) -> None:
    written, made = rewrite(source, output)
    assert ", ".join(" ".join(stream) for stream in kinds(written)[1:]) == expected
    assert len(made.notes) == len(notes)
    assert all(note in told for note, told in zip(notes, made.notes, strict=True))


def test_webm_holds_no_attachments_and_says_so(clip: Path, rich: Path, tmp_path: Path) -> None:
    attach = ("-attach", rich / "type.ttf", "-metadata:s:t", "mimetype=application/x-truetype-font")
    ffmpeg("-i", clip, "-c", "copy", *attach, tmp_path / "a.mkv")
    made = plan(tmp_path / "a.mkv", tmp_path / "film.webm", EncodeOptions())
    assert made.carried == ()
    assert made.notes == (f"The attachment stream 1 (ttf) {LEFT_OUT}.",)


def tags(found: dict[str, object]) -> dict[str, str]:
    held = found.get("tags", {})
    assert isinstance(held, dict)
    return {str(name).lower(): str(value) for name, value in held.items()}


@pytest.mark.parametrize("source", ["many.mkv", "cover.mp4", "bare.mkv"])
@pytest.mark.parametrize("output", ["a.mkv", "a.mp4"])
def test_titles_languages_and_chapters_are_kept(source: str, output: str, rewrite: Rewrite) -> None:
    written, _ = rewrite(source, output)
    whole = tags(look_at(written)["format"])
    assert (whole["title"], whole["artist"]) == ("A film", "Somebody")
    chapters = look_at(written)["chapters"]
    assert [(chapter["tags"]["title"], Fraction(chapter["start_time"])) for chapter in chapters] == [
        ("One", 0),
        ("Two", Fraction(1, 10)),
    ]
    languages = {stream["codec_type"]: tags(stream).get("language") for stream in reversed(streams(written))}
    if source != "bare.mkv":
        assert (languages["audio"], languages["subtitle"]) == ("deu", "fra")
    if written.suffix == ".mkv" and source != "cover.mp4":
        assert tags(picture(written))["title"] == "Picture"


def test_what_was_said_of_the_sources_own_encoding_is_not_kept(rich: Path, tmp_path: Path) -> None:
    stale = ("-metadata:s:v", "encoder=Somebody else", "-metadata:s:v", "NUMBER_OF_FRAMES=6", "-metadata:s:v", "BPS=7")
    ffmpeg("-i", rich / "bare.mkv", "-c", "copy", *stale, tmp_path / "stale.mkv")
    made = plan(tmp_path / "stale.mkv", tmp_path / "film.mkv")
    held = tags(picture(write(made, tmp_path / "film.mkv", frames_at(tmp_path / "stale.mkv"))))
    assert "libx264" in held["encoder"]
    assert not {"number_of_frames", "bps"} & held.keys()


@pytest.mark.parametrize("output", ["a.mkv", "a.mp4"])
def test_cover_art_stays_cover_art(output: str, rewrite: Rewrite) -> None:
    written, _ = rewrite("cover.mp4", output)
    cover = next(stream for stream in streams(written, "video") if stream["disposition"]["attached_pic"])
    assert (cover["codec_name"], cover["width"]) == ("mjpeg", 32)


def test_a_cover_that_ffmpeg_does_not_write_to_mov_is_left_out_with_a_note(rewrite: Rewrite) -> None:
    written, made = rewrite("cover.mp4", "a.mov")
    assert len(streams(written, "video")) == 1
    assert any("mjpeg" in note and "left out" in note for note in made.notes)


def test_attachments_arrive_byte_for_byte(rich: Path, rewrite: Rewrite) -> None:
    written, _ = rewrite("many.mkv", "a.mkv")
    attached = streams(written, "attachment")[0]
    assert (tags(attached)["filename"], tags(attached)["mimetype"]) == ("type.ttf", "application/x-truetype-font")
    assert (rich / "type.ttf").read_bytes() in written.read_bytes()


def test_dispositions_are_kept(rewrite: Rewrite) -> None:
    written, _ = rewrite("many.mkv", "a.mkv")
    assert [stream["disposition"]["forced"] for stream in streams(written, "subtitle")] == [0, 1, 0]


def test_what_is_converted_in_a_section_is_said(tmp_path: Path) -> None:
    subtitles = tmp_path / "in.srt"
    subtitles.write_text("1\n00:00:00,100 --> 00:00:00,900\nwords\n")
    source = tmp_path / "in.mkv"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-i", subtitles)
    ffmpeg(*picture, "-c:v", "libx264", "-c:s", "ass", source)
    said = upsample(source, tmp_path / "out.mp4", encode=EncodeOptions(), start=Fraction(1, 5)).notes
    assert any("(ass) is converted to mov_text" in note for note in said)
