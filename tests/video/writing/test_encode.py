"""Frames go into one file: exact times, untouched samples, and every failure told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clips import children, end_time, frame_times, look_at, make_clip, picture, wrap_ffmpeg
from written import LOSSLESS, MILLISECOND, frames_at, plan, probe_once, write

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import Timing
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

MANY_TIMES = [Fraction(n, 25) for n in range(120)]


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


def test_the_last_frame_stays_as_long_as_it_should(tmp_path: Path) -> None:
    last = ("-bsf:v", "setts=pts=PTS:dts=DTS:duration=1000")
    source = make_clip(tmp_path / "still.mp4", codec="libx264", ticks=[0, 40, 80], output=last)
    for name in ("film.mp4", "film.mkv"):
        film = write(plan(source, tmp_path / name), tmp_path / name, frames_at(source))
        assert Fraction(look_at(film)["format"]["duration"]) == Fraction(1080, 1000)
    assert end_time(tmp_path / "film.mp4") == Fraction(1080, 1000)


def test_frames_that_matroska_could_not_tell_apart_are_refused(clip: Path, tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(1, 25), Fraction(1, 25) + MILLISECOND / 2]
    with pytest.raises(OutputError, match="millisecond"):
        write(plan(clip, tmp_path / "film.mkv"), tmp_path / "film.mkv", frames_at(clip, times))
    film = write(plan(clip, tmp_path / "film.mp4"), tmp_path / "film.mp4", frames_at(clip, times))
    assert frame_times(film) == times
    assert not children()


def test_packets_that_show_no_frame_may_be_as_close_as_they_like(clip: Path, tmp_path: Path) -> None:
    hidden = replace(probe_once(clip), packet_pts=(0, 40, 79, 80, 120, 160, 200))  # as VP8 and VP9 have them
    made = plan_encode(
        hidden, target_of(tmp_path / "film.mkv"), LOSSLESS, Timing(MILLISECOND / 2, Fraction(50), Fraction(1, 50))
    )
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


def test_leaving_midway_stops_ffmpeg(clip: Path, tmp_path: Path) -> None:
    with VideoEncoder(plan(clip, tmp_path / "film.mp4"), tmp_path / "film.mp4") as encoder:
        encoder.write(frames_at(clip)[0])
        assert children()
    assert not children()
