"""Recordings joined byte by byte: their pieces follow each other, picture with sound, and nothing moves across."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import BEEP, frame_hashes, frame_times, make_clip
from sounds import RATE, sound
from upsampling import upsample

from ifrplus_cli.errors import InputError
from ifrplus_cli.video.reading import clock_resets
from ifrplus_cli.video.reading.probe import probe

LENGTH = 1.0
TS = ("-c:a", "aac", "-t", LENGTH, "-bf", 0)
DVD = ("-c:a", "ac3", "-t", LENGTH, "-bf", 0, "-f", "vob", "-b:v", "4M")


def recording(folder: Path, name: str, *output: object) -> bytes:
    """One second of film with a tone."""
    codec = "mpeg2video" if name.endswith(".vob") else "libx264"
    usual = DVD if name.endswith(".vob") else TS
    return make_clip(folder / name, frames=25, codec=codec, inputs=BEEP, output=(*usual, *output)).read_bytes()


def joined(folder: Path, kind: str) -> Path:
    one = recording(folder, "one.vob" if kind == "cells" else "one.ts")
    other = one if kind in ("same", "cells") else recording(folder, "late.ts", "-output_ts_offset", 3600)
    path = folder / ("in.vob" if kind == "cells" else "in.ts")
    path.write_bytes(other + one if kind == "backwards" else one + other)
    return path


def loud_hundredths(path: Path) -> int:
    """Hundredths of a second in which anything is heard."""
    heard = sound(path)
    parts = np.abs(heard[: len(heard) // (RATE // 100) * (RATE // 100)]).reshape(-1, RATE // 100)
    return int((parts.max(axis=1) > 0.03).sum())


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("same", ".mp4"), ("forwards", ".mkv"), ("backwards", ".mp4"), ("cells", ".mp4"), ("cells", ".mkv")],
)
def test_pieces_follow_each_other(kind: str, suffix: str, tmp_path: Path) -> None:
    source, output = joined(tmp_path, kind), tmp_path / f"out{suffix}"
    summary = upsample(source, output)
    times = frame_times(output)
    assert len(times) == 100
    assert abs(times[-1] - times[0] - Fraction(198, 100)) < Fraction(8, 100)
    once = loud_hundredths(tmp_path / f"one{source.suffix}")
    assert loud_hundredths(output) == pytest.approx(2 * once, abs=4), "both tones are heard, one after the other"
    assert len(sound(output)) < 2.2 * RATE
    assert [cut.frame for cut in summary.cuts] == [25]
    shown = frame_hashes(output, "gray")
    assert shown[49] == shown[48], "no frame is made across"
    assert any("clock of the source starts again once" in note for note in summary.notes)


def test_a_part_of_joined_pieces_is_cut_at_their_common_clock(tmp_path: Path) -> None:
    source, output = joined(tmp_path, "backwards"), tmp_path / "out.mkv"
    summary = upsample(source, output, start=Fraction(1, 2), end=Fraction(3, 2))
    assert summary.frames_out == len(frame_times(output)) == pytest.approx(50, abs=4)
    assert len(sound(output)) / RATE == pytest.approx(1, abs=0.1)


def test_a_film_with_one_clock_has_no_pieces(tmp_path: Path) -> None:
    recording(tmp_path, "one.ts")
    clip = probe(tmp_path / "one.ts")
    assert (clip.pieces, clip.breaks, clip.notes) == ((), (), ())


def test_there_may_be_many_pieces(tmp_path: Path) -> None:
    one = recording(tmp_path, "one.ts")
    (tmp_path / "in.ts").write_bytes(4 * one)
    clip = probe(tmp_path / "in.ts")
    assert (len(clip.pieces), len(clip.breaks), len(clip.packet_pts)) == (4, 3, 100)
    assert clip.duration == pytest.approx(4, abs=0.15)


def test_clocks_of_picture_and_sound_that_start_again_apart_are_refused(tmp_path: Path) -> None:
    """The last sound of the first piece comes behind the first picture of the second one."""
    one = recording(tmp_path, "one.ts")
    packets = [one[at : at + 188] for at in range(0, len(one), 188)]
    last_sound = [packet for packet in packets if packet[1:3] in (b"\x41\x01", b"\x01\x01")][-4:]
    first = [packet for packet in packets if packet not in last_sound]
    (tmp_path / "in.ts").write_bytes(b"".join([*first, *packets[:120], *last_sound, *packets[120:]]))
    with pytest.raises(InputError, match=r"clock of in\.ts starts again"):
        upsample(tmp_path / "in.ts", tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def packets_of(index: int, times: list[float], place: int = 0) -> list[dict[str, str]]:
    """Packets of a stream, one each 1000 bytes of the file from a place on."""
    return [
        {"stream_index": str(index), "dts_time": str(time), "pos": str(place + 1000 * number)}
        for number, time in enumerate(times)
    ]


PICTURE, SILENCE = [0.0, 0.5, 1.0, 1.5], [0.0, 0.5, 6.0, 6.5]


@pytest.mark.parametrize(
    ("picture", "sounds", "refused"),
    [
        ([n * 0.5 for n in range(14)], [SILENCE], False),  # sound that is silent for a while
        ([0, 0.5, 30, 30.5], [], False),  # a picture without sound, that stands still
        ([0, 0.5, 5, 5.5], [[n * 0.5 for n in range(12)]], False),
        ([n * 0.5 for n in range(8)], [[0, 0.5, 1, 1.5, 0, 0.5, 1, 1.5]], True),  # sound alone starts again
        ([0, 0.5, 0, 0.5], [[n * 0.5 for n in range(4)]], True),
        (PICTURE, [[0, 0.5, 95_000, 95_000.5]], True),  # sound alone goes ahead by a day
    ],
)
def test_what_is_no_reset_and_what_is_torn(
    picture: list[float], sounds: list[list[float]], refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = [packet for n, times in enumerate([picture, *sounds]) for packet in packets_of(n, times, n)]
    monkeypatch.setattr(clock_resets, "read_packets", lambda *_: packets)
    streams = [{"index": n, "codec_type": "audio" if n else "video"} for n in range(1 + len(sounds))]
    with pytest.raises(InputError, match="at different places") if refused else nullcontext():
        assert clock_resets.find_pieces(tmp_path / "in.ts", "mpegts", streams, 0) == clock_resets.Pieces()


def test_a_picture_that_stands_still_for_long_is_no_reset(tmp_path: Path) -> None:
    ticks = [0, 40, 80, 15_000, 15_040, 15_080]
    make_clip(tmp_path / "in.ts", ticks=ticks, codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", 15.1))
    clip = probe(tmp_path / "in.ts")
    assert clip.pieces == ()
    assert clip.duration == pytest.approx(15.12, abs=0.05)
