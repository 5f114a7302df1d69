"""Frames and everything else of a film go into one file: exact times, untouched samples, nothing lost in silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from clips import (
    BEEP,
    children,
    end_time,
    ffmpeg,
    frame_times,
    look_at,
    make_clip,
    picture,
    streams,
    wrap_ffmpeg,
)

from ifrplus_cli.decode import Decoder
from ifrplus_cli.encode import EncodeOptions, EncodePlan, Encoder, plan_encode
from ifrplus_cli.errors import MediaToolError, OutputError
from ifrplus_cli.media import Frame, Timing
from ifrplus_cli.probe import probe

LOSSLESS = EncodeOptions("libx264", crf=0, preset="ultrafast")
FFV1 = EncodeOptions("ffv1")
MILLISECOND = Fraction(1, 1000)
MANY_TIMES = [Fraction(n, 25) for n in range(120)]
probe_once = cache(probe)


def plan(source: Path, output: Path, options: EncodeOptions = LOSSLESS, rate: Fraction | None = None) -> EncodePlan:
    clip = probe_once(source)
    rate = rate or clip.rate
    return plan_encode(clip, output, options, Timing(Fraction(1, 90_000), rate, clip.last_duration * clip.rate / rate))


def frames_at(source: Path, times: Sequence[Fraction] | None = None) -> list[Frame]:
    """The frames of a film, moved to other times; the film repeats as often as there are times."""
    with Decoder(probe_once(source)) as decoder:
        frames = list(decoder)
    if times is None:
        return frames
    return [replace(frames[number % len(frames)], pts=pts) for number, pts in enumerate(times)]


def write(made: EncodePlan, output: Path, frames: Sequence[Frame]) -> Path:
    with Encoder(made, output) as encoder:
        for frame in frames:
            encoder.write(frame)
        encoder.finish()
    return output


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_any_times_are_kept_exactly(name: str, clip: Path, tmp_path: Path) -> None:
    ticks = [7, 3003, 6007, 6008, 100_000, 9_000_001]
    late = f"setpts=PTS+{ticks[0]}"  # ffmpeg lets every film begin at zero otherwise
    source = make_clip(tmp_path / "source.nut", ticks=ticks, time_base="1/90000", filters=late)
    times = [Fraction(tick, 90_000) for tick in ticks]
    made = plan(source, tmp_path / name, EncodeOptions(preset="medium"))
    assert frame_times(write(made, tmp_path / name, frames_at(clip, times))) == times


def test_matroska_rounds_times_to_milliseconds(clip: Path, tmp_path: Path) -> None:
    times = [n * Fraction(1001, 60_000) for n in range(6)]
    film = write(plan(clip, tmp_path / "film.mkv"), tmp_path / "film.mkv", frames_at(clip, times))
    assert all(abs(pts - wanted) <= MILLISECOND / 2 for pts, wanted in zip(frame_times(film), times, strict=True))


def test_times_before_zero_are_kept(clip: Path, tmp_path: Path) -> None:
    times = [Fraction(n - 2, 25) for n in range(6)]
    film = write(plan(clip, tmp_path / "film.mkv"), tmp_path / "film.mkv", frames_at(clip, times))
    written = frame_times(film)
    assert [pts - written[0] for pts in written] == [pts - times[0] for pts in times]


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


def test_defaults_hide_no_detail(clip: Path, tmp_path: Path) -> None:
    assert dict(plan(clip, tmp_path / "a.mp4", EncodeOptions()).encoder_options) == {"crf": "16", "preset": "medium"}


def test_what_a_person_says_goes_to_the_encoder(clip: Path, tmp_path: Path) -> None:
    options = EncodeOptions("libx264", 20.5, "fast", "yuv444p", (("tune", "grain"), ("g", "25")))
    made = plan(clip, tmp_path / "a.mp4", options)
    assert dict(made.encoder_options) == {"crf": "20.5", "preset": "fast", "tune": "grain", "g": "25"}
    written = write(made, tmp_path / "a.mp4", frames_at(clip))
    assert picture(written)["pix_fmt"] == "yuv444p"


def test_the_level_fits_size_and_rate(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", size="640x360", frames=2)
    times = [Fraction(0), Fraction(1, 25)]
    levels = []
    for rate in (25, 240):
        output = tmp_path / f"{rate}.mp4"
        made = plan(source, output, EncodeOptions(preset="ultrafast"), Fraction(rate))
        levels.append(picture(write(made, output, frames_at(source, times)))["level"])
    assert levels == [30, 40]


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_mp4_starts_playing_before_it_is_loaded(name: str, clip: Path, tmp_path: Path) -> None:
    written = write(plan(clip, tmp_path / name), tmp_path / name, frames_at(clip)).read_bytes()
    assert written.index(b"moov") < written.index(b"mdat")


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


def test_the_last_frame_stays_as_long_as_it_should(tmp_path: Path) -> None:
    last = ("-bsf:v", "setts=pts=PTS:dts=DTS:duration=1000")
    source = make_clip(tmp_path / "still.mp4", codec="libx264", ticks=[0, 40, 80], output=last)
    for name in ("film.mp4", "film.mkv"):
        film = write(plan(source, tmp_path / name), tmp_path / name, frames_at(source))
        assert Fraction(look_at(film)["format"]["duration"]) == Fraction(1080, 1000)
    assert end_time(tmp_path / "film.mp4") == Fraction(1080, 1000)


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


def test_a_rate_too_high_for_matroska_is_refused_before_the_run(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="millisecond"):
        plan(clip, tmp_path / "film.mkv", rate=Fraction(1001))
    assert plan(clip, tmp_path / "film.mp4", rate=Fraction(1001)).timing.rate == 1001


def test_frames_that_matroska_could_not_tell_apart_are_refused(clip: Path, tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(1, 25), Fraction(1, 25) + MILLISECOND / 2]
    with pytest.raises(OutputError, match="millisecond"):
        write(plan(clip, tmp_path / "film.mkv"), tmp_path / "film.mkv", frames_at(clip, times))
    film = write(plan(clip, tmp_path / "film.mp4"), tmp_path / "film.mp4", frames_at(clip, times))
    assert frame_times(film) == times
    assert not children()


def test_packets_that_show_no_frame_may_be_as_close_as_they_like(clip: Path, tmp_path: Path) -> None:
    hidden = replace(probe_once(clip), packet_pts=(0, 40, 79, 80, 120, 160, 200))  # as VP8 and VP9 have them
    made = plan_encode(hidden, tmp_path / "film.mkv", LOSSLESS, Timing(MILLISECOND / 2, Fraction(50), Fraction(1, 50)))
    assert len(frame_times(write(made, tmp_path / "film.mkv", frames_at(clip)))) == 6


@pytest.mark.parametrize(
    "options",
    [
        EncodeOptions("libx264", preset="nope"),
        EncodeOptions("libx264", encoder_args=(("nope", "1"),)),
        EncodeOptions("libx264", encoder_args=(("profile", "nope"),)),
        EncodeOptions("gif"),
    ],
)
def test_an_encoder_that_refuses_is_quoted(options: EncodeOptions, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as refused:
        write(plan(clip, tmp_path / "film.mp4", options), tmp_path / "film.mp4", frames_at(clip, MANY_TIMES))
    assert str(options.codec) in refused.value.message
    assert "no reason" not in refused.value.message
    assert "--codec" in refused.value.hint
    assert not children()


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("kill -KILL $$", "it was ended by SIGKILL"),
        ("exit 1", "it gave no reason"),
        ("exit 0", "it gave no reason"),
        ("echo '[error] the dog ate it' >&2; exit 1", "the dog ate it"),
        ("echo '[error] writing: No space left on device' >&2; exit 1", "The disk is full"),
        ("kill -XFSZ $$", "The disk is full"),
    ],
)
def test_an_encoder_that_dies_midway_is_an_error_with_its_cause(
    end: str, told: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(clip, tmp_path / "film.mp4")
    wrap_ffmpeg(tmp_path, monkeypatch, encoder=f"head -c 20000 >/dev/null; {end}")
    with pytest.raises(OutputError) as died:
        write(made, tmp_path / "film.mp4", frames_at(clip, MANY_TIMES))
    assert told in died.value.message
    assert not children()


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_a_disk_that_is_full_only_at_the_end_is_noticed(
    name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(clip, tmp_path / name)
    to_full = 'for a do shift; case "$a" in *film.m*) a=/dev/full;; esac; set -- "$@" "$a"; done; exec ffmpeg "$@"'
    wrap_ffmpeg(tmp_path, monkeypatch, encoder=to_full)
    with pytest.raises(OutputError, match="The disk is full"):
        write(made, tmp_path / name, frames_at(clip))


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


def test_leaving_midway_stops_ffmpeg(clip: Path, tmp_path: Path) -> None:
    with Encoder(plan(clip, tmp_path / "film.mp4"), tmp_path / "film.mp4") as encoder:
        encoder.write(frames_at(clip)[0])
        assert children()
    assert not children()


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


def test_attachments_arrive_byte_for_byte(rich: Path, rewrite: Rewrite) -> None:
    written, _ = rewrite("many.mkv", "a.mkv")
    attached = streams(written, "attachment")[0]
    assert (tags(attached)["filename"], tags(attached)["mimetype"]) == ("type.ttf", "application/x-truetype-font")
    assert (rich / "type.ttf").read_bytes() in written.read_bytes()


def test_dispositions_are_kept(rewrite: Rewrite) -> None:
    written, _ = rewrite("many.mkv", "a.mkv")
    assert [stream["disposition"]["forced"] for stream in streams(written, "subtitle")] == [0, 1, 0]


def test_a_broadcast_begins_near_zero(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.ts", codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", "0.24"))
    film = write(plan(source, tmp_path / "film.mp4"), tmp_path / "film.mp4", frames_at(source))
    assert min(frame_times(film)[0], Fraction(streams(film, "audio")[0]["start_time"])) == 0


def test_mjpeg_stores_full_range_and_says_so(clip: Path, tmp_path: Path) -> None:
    made = plan(clip, tmp_path / "film.mkv", EncodeOptions("mjpeg"))
    assert made.notes == ("The picture is stored in full range: mjpeg has no other.",)
    film = write(made, tmp_path / "film.mkv", frames_at(clip))
    assert (picture(film)["pix_fmt"], picture(film)["color_range"]) == ("yuvj420p", "pc")


def test_a_matrix_that_vp9_cant_store_is_converted_and_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", frames=1, filters="setparams=colorspace=fcc")
    made = plan(source, tmp_path / "film.webm", EncodeOptions())
    assert made.notes == ("The colour matrix is converted from fcc to smpte170m: VP9 can't store it.",)
    film = write(made, tmp_path / "film.webm", frames_at(source))
    assert picture(film)["color_space"] == "smpte170m"


def test_a_matrix_that_vp9_cant_store_nor_be_converted_is_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", frames=1, filters="setparams=colorspace=ycgco")
    with pytest.raises(OutputError, match="VP9 can't store the colour matrix ycgco"):
        plan(source, tmp_path / "film.webm", EncodeOptions())
