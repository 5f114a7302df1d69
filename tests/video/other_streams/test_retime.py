"""Slow motion: the picture's times, sound with its pitch, subtitles and chapters, all longer by the factor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import BEEP, ffmpeg, frame_hashes, frame_times, look_at, make_clip, streams
from sounds import RATE, middle, sound
from upsampling import upsample

from ifrplus_cli.video.other_streams import sound_stretch
from ifrplus_cli.video.other_streams.retime import Retiming, kept_packets, retimed_text
from ifrplus_cli.video.writing.encoders import EncodeOptions

SLOW = Retiming(Fraction(10), stretch=Fraction(2))
CUT = Retiming(Fraction(10), cuts_start=True, end=Fraction(20))
MS = Fraction(1, 1000)
ASS = "[Events]\nFormat: x\nDialogue: 0,{},{},Default,,0,0,0,,One, two\n"


def packets(*begins: int, last: int) -> list[tuple[Fraction, Fraction]]:
    return [(begin * MS, end * MS) for begin, end in zip(begins, (*begins[1:], last), strict=True)]


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        (packets(-30, -10, 10, 30, 50, 70, 90, last=110), range(7)),  # the first one begins before, with its lead
        (packets(-20, 0, 20, 100, last=120), range(3)),
        (packets(*range(-300, 200, 20), last=200), range(5, 20)),  # no longer a lead than is needed
        (packets(-40, -20, 40, last=60), range(3)),  # a packet longer than others
        (packets(-400, -300, 40, last=60), range(2, 3)),  # a hole in which the section begins
        ([(-40 * MS, -20 * MS), (40 * MS, 60 * MS)], range(1, 2)),
        ([(-90 * MS, -70 * MS), (-20 * MS, MS), (MS, 21 * MS)], range(1, 3)),  # a hole before that
        ([(-21 * MS, 0 * MS), (Fraction(1, 3000), 21 * MS)], range(2)),  # rounding is no hole
        (packets(-40, -20, last=-10), range(2, 2)),
        (packets(100, last=120), range(0)),
        ([], range(0)),
    ],
)
def test_copied_sound_that_may_begin_within_a_packet_takes_what_its_decoder_needs(
    spans: list[tuple[Fraction, Fraction]], kept: range
) -> None:
    found = kept_packets(spans, 100 * MS, leads=True)
    assert list(found) == list(kept)


def test_copied_packets_are_whole_otherwise() -> None:
    assert kept_packets(packets(5, 25, 95, 100, last=120), 100 * MS, leads=False) == range(3)


def test_the_rate_stays_and_the_film_lasts_longer(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mp4", codec="libx264", rate="30000/1001", frames=8)
    upsample(source, tmp_path / "film.mp4", Fraction(5, 2), slow_motion=True)
    assert frame_times(tmp_path / "film.mp4") == [n * Fraction(1001, 30000) for n in range(20)]
    assert frame_hashes(tmp_path / "film.mp4", "yuv420p")[::5] == frame_hashes(source, "yuv420p")[::2]


def test_a_variable_rate_is_stretched_gap_by_gap(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mp4", codec="libx264", ticks=[0, 40, 90, 200])
    upsample(source, tmp_path / "film.mp4", slow_motion=True)
    assert frame_times(tmp_path / "film.mp4")[:7] == [Fraction(n, 1000) for n in (0, 40, 80, 130, 180, 290, 400)]


@pytest.mark.parametrize(("stretcher", "slack"), [("rubberband", 0.01), ("atempo", 0.01)])
@pytest.mark.parametrize(("name", "factor"), [("film.mp4", 2), ("film.mkv", 4)])
def test_sound_subtitles_and_chapters_are_stretched_along(
    name: str, factor: int, stretcher: str, slack: float, talking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_stretch, "find_stretcher", lambda: stretcher)
    upsample(talking, tmp_path / name, factor, slow_motion=True)
    found = look_at(tmp_path / name)
    assert len(sound(tmp_path / name)) / RATE == pytest.approx(3 * factor, abs=0.05)
    for second in (1, 2):  # a click of 30 ms
        assert middle(tmp_path / name, (second + 0.015) * factor) / factor == pytest.approx(second + 0.015, abs=slack)
    texts = [p for p in found["packets"] if p["codec_type"] == "subtitle" and int(p["size"]) > 2]
    assert [round(float(p["pts_time"]), 2) for p in texts] == [0.5 * factor, 1.8 * factor]
    assert [round(float(p["duration_time"]), 2) for p in texts] == [factor, 0.8 * factor]
    assert [float(c["end_time"]) for c in found["chapters"]] == [1.5 * factor, 3 * factor]


@pytest.mark.parametrize(
    ("what", "tone"),
    [("beep", "0.5*sin(2*PI*440*t)*between(mod(t,1),0.5,0.8)"), ("click", "0.8*between(mod(t,1),0.5,0.501)")],
)
@pytest.mark.parametrize(("factor", "slack"), [(2, 0.003), (3, 0.01), (4, 0.006)])
def test_slow_sound_begins_when_it_should(what: str, tone: str, factor: int, slack: float, tmp_path: Path) -> None:
    tones = ("-f", "lavfi", "-i", f"aevalsrc='{tone}':s=48000")
    source = make_clip(tmp_path / "a.mkv", frames=50, inputs=tones, output=("-c:a", "flac", "-t", 2))
    upsample(source, tmp_path / "film.mkv", factor, slow_motion=True)
    heard = np.abs(sound(tmp_path / "film.mkv"))
    for begin in (0.5, 1.5):
        first = round((begin - 0.3) * factor * RATE)
        near = heard[first : round((begin + 0.1) * factor * RATE)]
        found = (first + np.flatnonzero(near > 0.3 * near.max())[0]) / RATE
        assert found == pytest.approx(begin * factor, abs=slack), what


@pytest.mark.parametrize(("factor", "longest"), [(2, 0.005), (4, 0.03)])
def test_a_click_is_heard_once(factor: int, longest: float, tmp_path: Path) -> None:
    click = ("-f", "lavfi", "-i", "aevalsrc='0.8*between(t,0.5,0.501)':s=48000")
    source = make_clip(tmp_path / "a.mkv", frames=25, inputs=click, output=("-c:a", "flac", "-t", 1))
    upsample(source, tmp_path / "film.mkv", factor, slow_motion=True)
    energy = np.cumsum(sound(tmp_path / "film.mkv").astype(float) ** 2)
    begin, end = np.searchsorted(energy / energy[-1], (0.05, 0.95)) / RATE
    assert end - begin < longest


def test_the_pitch_stays(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", frames=50, inputs=BEEP, output=("-c:a", "flac", "-t", 2))
    upsample(source, tmp_path / "film.mkv", slow_motion=True)
    heard = sound(tmp_path / "film.mkv")[RATE : 2 * RATE]
    assert abs(int(np.abs(np.fft.rfft(heard * np.hanning(RATE))).argmax()) - 440) <= 4


def test_sound_that_starts_late_stays_late_by_the_factor(tmp_path: Path) -> None:
    late = ("-itsoffset", "0.5", *BEEP)
    source = make_clip(tmp_path / "a.mkv", frames=50, inputs=late, output=("-c:a", "flac", "-t", 2))
    upsample(source, tmp_path / "film.mkv", slow_motion=True)
    first = np.flatnonzero(np.abs(sound(tmp_path / "film.mkv")) > 0.02)[0] / RATE
    assert first == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "flac"), ("a.ts", "aac"), ("a.mp4", "aac")])
def test_slow_sound_is_as_long_as_the_source_whether_or_not_that_states_a_length(
    name: str, codec: str, tmp_path: Path
) -> None:
    """Matroska states none, and a transport stream has more sound than ffmpeg tells."""
    source = make_clip(tmp_path / name, frames=50, codec="libx264", inputs=BEEP, output=("-c:a", codec, "-t", 2))
    upsample(source, tmp_path / "film.mp4", slow_motion=True)
    wanted = 2 * len(sound(source)) / RATE
    assert len(sound(tmp_path / "film.mp4")) / RATE == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(("choice", "kinds"), [("keep", ["video", "audio"]), ("drop", ["video"])])
def test_sound_can_be_kept_or_dropped(choice: str, kinds: list[str], tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", 0.24))
    options = EncodeOptions("libx264", preset="ultrafast", sound=choice)
    upsample(source, tmp_path / "film.mp4", slow_motion=True, encode=options)
    assert [stream["codec_type"] for stream in streams(tmp_path / "film.mp4")] == kinds
    if choice == "keep":
        before, after = (streams(path, "audio")[0] for path in (source, tmp_path / "film.mp4"))
        assert (before["codec_name"], before["nb_frames"]) == (after["codec_name"], after["nb_frames"])


@pytest.mark.parametrize(
    ("timing", "start", "end", "told"),
    [
        (SLOW, "0:00:11.00", "0:00:12.50", "00:00:02.00,00:00:05.00"),
        (CUT, "0:00:08.00", "0:00:12.50", "00:00:00.00,00:00:02.50"),
        (CUT, "0:00:19.00", "1:00:00.00", "00:00:09.00,00:00:10.00"),
        (CUT, "0:00:01.00", "0:00:10.00", None),
        (CUT, "0:00:20.00", "0:00:21.00", None),
    ],
)
def test_ass_and_srt_are_retimed_and_keep_their_words(timing: Retiming, start: str, end: str, told: str | None) -> None:
    text = retimed_text(ASS.format(start, end), timing)
    assert text == (ASS.format(*told.split(",")) if told else "[Events]\nFormat: x\n")
    srt = "1\n{} --> {}\n<i>One</i>\n- two\n"
    text = retimed_text(srt.format(start.replace(".", ",") + "0", end.replace(".", ",") + "0"), timing)
    assert text == (srt.format(*(f"{t.replace('.', ',')}0" for t in told.split(","))) if told else "\n")


# As ffmpeg 5.1 writes an ASS file; the last event comes after ten hours.
RICH_ASS = """[Script Info]
; made by hand
ScriptType: v4.00+
Dialogue Font: a key that begins like an event

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Unknown
Style: Sign,Arial,16.50,&Hffffff,x

[Strange Things]
what: ever: it is

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 3,{},{},Sign,Bob,0010,0000,0000,Banner;10;0,{{\\k50}}la{{\\k30}}la, {{\\an8\\t(0,5,\\fs2)}}là\u2028\\N1984 \r
Dialogue: Marked=0,{},{},,,,,,,\r
Comment: 0,0:00:00.00,0:00:01.00,Sign,,0,0,0,,a note

[Fonts]
fontname: x_0.ttf
!ABC[d]
"""


def test_ass_keeps_all_but_its_times() -> None:
    text = retimed_text(RICH_ASS.format("0:00:11.01", "0:00:12.50", "5:00:10.00", "9:59:59.99"), SLOW)
    assert text == RICH_ASS.format("00:00:02.02", "00:00:05.00", "10:00:00.00", "19:59:39.98")


RICH_SRT = """1
{} --> {}
{{\\an8}}<font color="#ff0000">One</font> & <b><i>two</i></b>

a < b, 3 > 2, ü漢\u2028\\h

2
{} --> {}
7

3
{} --> {}
In
1984
"""


def test_srt_keeps_all_but_its_times_to_the_millisecond() -> None:
    before = ("00:00:10,001", "00:00:11,234", "00:00:12,000", "00:00:12,001", "50:00:10,000", "99:59:59,999")
    after = ("00:00:00,002", "00:00:02,468", "00:00:04,000", "00:00:04,002", "100:00:00,000", "199:59:39,998")
    assert retimed_text(RICH_SRT.format(*before), SLOW) == RICH_SRT.format(*after)
    assert retimed_text(RICH_SRT.format(*before).replace("\n", "\r\n"), SLOW) == RICH_SRT.format(*after)


def test_cues_that_are_left_are_numbered_again() -> None:
    text = retimed_text("1\n00:00:01,000 --> 00:00:02,000\nout\n\n2\n00:00:11,000 --> 00:00:12,000\nin\n", CUT)
    assert text == "1\n00:00:01,000 --> 00:00:02,000\nin\n"


def test_styles_comments_effects_and_words_reach_the_film(tmp_path: Path) -> None:
    (tmp_path / "words.ass").write_text(RICH_ASS.format("0:00:00.01", "0:00:00.11", "0:00:00.12", "0:00:00.20"))
    (tmp_path / "words.srt").write_text("1\n00:00:00,010 --> 00:00:00,110\n<i>In</i>\n1984\n")
    inputs = (*BEEP, "-i", tmp_path / "words.ass", "-i", tmp_path / "words.srt")
    source = make_clip(tmp_path / "a.mkv", inputs=inputs, output=("-c:a", "flac", "-t", 0.24))
    upsample(source, tmp_path / "film.mkv", slow_motion=True)

    def words(film: Path, stream: int, suffix: str) -> str:
        ffmpeg("-i", film, "-map", f"0:s:{stream}", tmp_path / f"found{suffix}")
        return (tmp_path / f"found{suffix}").read_text("utf-8")

    before, after = (words(film, 0, ".ass") for film in (source, tmp_path / "film.mkv"))
    assert ",0:00:00.01,0:00:00.11," in before and ",0:00:00.12,0:00:00.20," in before
    assert "; made by hand" in before and "fontname" in before and "a note" in before
    assert after == before.replace(".20,", ".40,").replace(".12,", ".24,").replace(".11,", ".22,").replace(
        ".01,", ".02,"
    )
    assert words(tmp_path / "film.mkv", 1, ".srt") == "1\n00:00:00,020 --> 00:00:00,220\n<i>In</i>\n1984\n\n"


@pytest.mark.parametrize("inputs", [(), BEEP])
def test_subtitles_may_be_all_that_comes_along_or_stand_before_the_sound(
    inputs: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,010 --> 00:00:00,110\nIn\n")
    source = make_clip(
        tmp_path / "a.mkv",
        inputs=("-i", tmp_path / "words.srt", *inputs),
        output=("-metadata", "title=T", "-metadata:s:s:0", "language=ger", "-t", 0.24),
    )
    upsample(source, tmp_path / "film.mkv", slow_motion=True)
    found = look_at(tmp_path / "film.mkv")
    assert [stream["codec_type"] for stream in found["streams"]] == ["video", "subtitle", "audio"][: 2 + bool(inputs)]
    assert found["streams"][1]["tags"]["language"] == "ger"
