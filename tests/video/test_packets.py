"""The packets of picture and sound are read in one pass, and are those that each stream has by itself."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, make_clip

from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video import ffprobe
from ifrplus_cli.video.packets import packet_span, packet_spans
from ifrplus_cli.video.reading.probe import probe

TWO_SOUNDS = (*BEEP, "-itsoffset", "0.3", *BEEP)
OUTPUTS = {
    "film.mp4": ("libx264", ("-c:a", "aac", "-t", 1)),
    "film.mkv": ("libx264", ("-c:a", "libopus", "-t", 1)),
    "film.ts": ("mpeg2video", ("-c:a", "mp2", "-t", 1)),
    "film.avi": ("mpeg4", ("-c:a", "pcm_s16le", "-t", 1)),
}


def unread(clip: ClipInfo) -> ClipInfo:
    """The clip as if no packets of sound had been read with it."""
    return replace(clip, streams=tuple(replace(stream, packets=None) for stream in clip.streams))


@pytest.mark.parametrize("name", OUTPUTS)
def test_sound_read_with_the_picture_is_what_it_is_by_itself(name: str, tmp_path: Path) -> None:
    codec, output = OUTPUTS[name]
    clip = probe(make_clip(tmp_path / name, frames=25, codec=codec, inputs=TWO_SOUNDS, output=output), read_sound=True)
    assert clip == probe(clip.path)
    assert all(stream.packets for stream in clip.streams)
    for index in (1, 2):
        kept, alone = list(packet_spans(clip, index)), list(packet_spans(unread(clip), index))
        assert len(kept) == len(alone) > 10
        stated = [[float(moment) for span in spans for moment in span] for spans in (kept, alone)]
        assert stated[0] == pytest.approx(stated[1], abs=1e-6), "ffprobe rounds seconds to microseconds"


def test_packets_count_only_within_the_given_times(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", frames=25, inputs=BEEP, output=("-c:a", "pcm_s16le", "-t", 1))
    clip, begin, end = probe(film, read_sound=True), Fraction(1, 4), Fraction(3, 4)
    spans = list(packet_spans(clip, 1, begin=begin, end=end))
    assert (spans[0][0], spans[-1][1]) == (begin, end)
    short = list(packet_spans(clip, 1, longest=Fraction(1, 1000)))
    assert {stop - start for start, stop in short} == {Fraction(1, 1000)}
    assert packet_span(clip, 7) is None


def test_sound_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_clip(tmp_path / "film.mkv", inputs=BEEP, output=("-c:a", "pcm_s16le", "-t", "0.2"))
    clip = probe(film, read_sound=True)
    monkeypatch.setattr(ffprobe.subprocess, "Popen", lambda *_, **__: pytest.fail("ffprobe was started"))
    assert packet_span(clip, 1) == (0, Fraction(2, 10))


def test_sound_that_is_missing_does_not_hide_the_picture(tmp_path: Path) -> None:
    """In an mp4 that states a place behind its end for some sound, all frames are found."""
    output = ("-c:a", "aac", "-t", 4)
    film = make_clip(tmp_path / "film.mp4", frames=100, codec="libx264", inputs=BEEP, output=output)
    content = bytearray(film.read_bytes())
    table = content.rindex(b"stco") + 8  # of places: the number of entries, and four bytes for each
    entry = table + 4 * (int.from_bytes(content[table : table + 4], "big") // 2)
    content[entry : entry + 4] = (1 << 30).to_bytes(4, "big")
    film.write_bytes(content)
    clip = probe(film, read_sound=True)
    assert len(clip.packet_pts) == 100
    assert [stream.packets for stream in clip.streams] == [None]
