"""What phones and cameras put into mp4 and mov comes along, although ffmpeg does not write it."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, ffmpeg, frame_hashes, look_at, make_clip, streams
from mov_files import add_timed_metadata, box, boxes, edited, find, rewrite
from upsampling import upsample

from ifrplus_cli.video.formats.boxes import Box, change_moov, read_moov

KEYS = {
    "com.apple.quicktime.creationdate": "2023-09-01T23:53:03-0700",
    "com.apple.quicktime.make": "Apple",
    "com.android.version": "13",
}
LENS = bytes.fromhex("00000017 00000000 41d80000")  # a value of type 23: a float of 32 bits, 27


def tags(path: Path) -> dict[str, str]:
    return {name.lower(): text for name, text in look_at(path)["format"]["tags"].items()}


def moov_of(path: Path) -> bytes:
    return find(path.read_bytes(), b"moov")[0]


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mov with QuickTime's keys, one of them a number, and with boxes of a maker in ``udta``."""
    folder = tmp_path_factory.mktemp("phone")
    make_clip(folder / "plain.mov", codec="libx264")
    places = ("-metadata", "location=+50.8278-000.1413/", "-metadata", "make=Maker", "-metadata", "title=Hello")
    ffmpeg("-i", folder / "plain.mov", "-c", "copy", *places, folder / "a.mov")
    names = [*KEYS, "com.apple.quicktime.camera.focal_length"]
    values = [*(struct.pack(">II", 1, 0) + text.encode() for text in KEYS.values()), LENS]
    keys = box(b"keys", struct.pack(">II", 0, len(names)) + b"".join(box(b"mdta", name.encode()) for name in names))
    items = b"".join(box(struct.pack(">I", n), box(b"data", value)) for n, value in enumerate(values, start=1))
    meta = box(b"meta", box(b"hdlr", bytes(8) + b"mdta" + bytes(13)) + keys + box(b"ilst", items))

    def written(moov: bytes) -> bytes:
        others = [box(kind, p + box(b"CAME", b"serial 7") if kind == b"udta" else p) for kind, p in boxes(moov)]
        return b"".join(others) + meta

    return rewrite(folder / "a.mov", folder / "phone.mov", b"moov", change=written)


@pytest.mark.parametrize("name", ["film.mov", "film.mp4"])
def test_keys_of_phones_and_boxes_of_makers_are_kept(name: str, phone: Path, tmp_path: Path) -> None:
    summary = upsample(phone, tmp_path / name)
    found = tags(tmp_path / name)
    assert {key: found[key] for key in KEYS} == KEYS
    assert (found["location"], found["make"], found["title"]) == ("+50.8278-000.1413/", "Maker", "Hello")
    moov = moov_of(tmp_path / name)
    assert find(moov, b"udta", b"CAME") == [b"serial 7"]
    assert box(b"data", LENS) in moov
    assert summary.notes == ()
    assert len(frame_hashes(tmp_path / name, "yuv420p")) == 12  # samples are found where they are now


@pytest.mark.parametrize("name", ["film.mov", "film.mp4"])
def test_a_key_that_another_box_hides_does_not_come_forward(name: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mov", codec="libx264")
    place = ("-metadata", "location=+50.8278-0.1413/", "-metadata", "com.apple.quicktime.make=Apple")
    ffmpeg("-i", tmp_path / "a.mov", "-c", "copy", *place, "-movflags", "use_metadata_tags", tmp_path / "in.mov")
    shown = tags(tmp_path / "in.mov")
    assert shown["location"] == "+50.8278-000.1413/"  # that of the box, in place of the key's
    summary = upsample(tmp_path / "in.mov", tmp_path / name)
    found = tags(tmp_path / name)
    assert (found["location"], found["com.apple.quicktime.make"]) == (shown["location"], "Apple")
    assert summary.notes == ()


def test_matroska_keeps_keys_as_tags_and_gives_them_back(phone: Path, tmp_path: Path) -> None:
    upsample(phone, tmp_path / "film.mkv")
    assert tags(tmp_path / "film.mkv")["com.apple.quicktime.make"] == "Apple"
    summary = upsample(tmp_path / "film.mkv", tmp_path / "again.mp4")
    found = tags(tmp_path / "again.mp4")
    assert {key: found[key] for key in KEYS} == KEYS
    assert summary.notes == ()


def test_timed_metadata_is_whole_in_mov_and_named_elsewhere(tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mov", codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", "0.24"))
    source = add_timed_metadata(tmp_path / "a.mov", tmp_path / "in.mov")
    assert upsample(source, tmp_path / "film.mov").notes == ()
    kept, own = find(moov_of(tmp_path / "film.mov"), b"trak")[2], find(moov_of(source), b"trak")[2]
    for path in ((b"mdia", b"hdlr"), (b"mdia", b"minf", b"gmhd"), (b"mdia", b"minf", b"stbl", b"stsd"), (b"tref",)):
        assert find(kept, *path) == find(own, *path)
    sizes = [
        [p["size"] for p in look_at(f)["packets"] if p["stream_index"] == 2] for f in (source, tmp_path / "film.mov")
    ]
    assert sizes[0] == sizes[1]
    for name in ("film.mp4", "film.mkv"):
        assert upsample(source, tmp_path / name).notes == ("The data stream 2 (mebx) can't be stored and is left out.",)


def with_a_long_last_sample(moov: bytes) -> bytes:
    """The last sample of the last track lasts a second, which is longer than the film."""
    parts = boxes(moov)
    last = max(n for n, (kind, _) in enumerate(parts) if kind == b"trak")
    second = struct.pack(">I", 48_000)
    track = b"".join(box(kind, payload) for kind, payload in boxes(parts[last][1]) if kind != b"edts")
    track = edited(track, (b"mdia", b"mdhd"), lambda header: header[:16] + second + header[20:])
    track = edited(track, (b"mdia", b"minf", b"stbl", b"stts"), lambda table: table[:-4] + second)
    parts[last] = (b"trak", track)
    return b"".join(box(kind, payload) for kind, payload in parts)


def test_timed_metadata_that_begins_before_a_section_is_named(tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mov", codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-filter:a", "atrim=end=0.04"))
    add_timed_metadata(tmp_path / "a.mov", tmp_path / "b.mov")
    source = rewrite(tmp_path / "b.mov", tmp_path / "in.mov", b"moov", change=with_a_long_last_sample)
    notes = upsample(source, tmp_path / "film.mov", start=Fraction("0.16")).notes
    assert "The data stream 2 (mebx) has nothing that begins in the section and is left out." in notes
    assert len(frame_hashes(tmp_path / "film.mov", "yuv420p")) == 4


@pytest.mark.parametrize("name", ["film.mp4", "film.mov"])
def test_chapters_that_begin_late_stay_late(name: str, tmp_path: Path) -> None:
    listed = [(60, 120, "One"), (120, 240, "Two")]
    lines = [f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}" for start, end, title in listed]
    (tmp_path / "chapters.txt").write_text("\n".join([";FFMETADATA1", *lines]))
    make_clip(tmp_path / "a.mkv", codec="libx264")
    ffmpeg(
        "-i", tmp_path / "a.mkv", "-i", tmp_path / "chapters.txt", "-map_metadata", 1, "-c", "copy", tmp_path / "in.mkv"
    )
    upsample(tmp_path / "in.mkv", tmp_path / name)
    found = [(c["start_time"], c["end_time"], c["tags"]["title"]) for c in look_at(tmp_path / name)["chapters"]]
    assert [(Fraction(a) * 1000, Fraction(b) * 1000, title) for a, b, title in found] == listed


def test_subtitles_do_not_become_the_default_ones(tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,200\nHello\n")
    words = ("-i", tmp_path / "words.srt")
    marks = ("-disposition:s:0", "forced", "-disposition:s:1", "hearing_impaired", "-disposition:a:0", "0")
    source = make_clip(
        tmp_path / "in.mkv",
        codec="libx264",
        inputs=(*BEEP, *words, *words),
        output=("-t", "0.24", "-c:s", "srt", *marks),
    )
    for name in ("film.mkv", "film.mp4"):
        upsample(source, tmp_path / name)
        held = [{k for k, v in s["disposition"].items() if v} for s in streams(tmp_path / name, "subtitle")]
        assert held[0] == {"forced"}
        assert "hearing_impaired" in held[1] and "default" not in held[1]
    own, kept = ([s["disposition"] for s in streams(path)] for path in (source, tmp_path / "film.mkv"))
    assert own == kept


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_larger_header_moves_the_samples_with_it(place: str, tmp_path: Path) -> None:
    flags = ("-movflags", "+faststart") if place == "first" else ()
    film = make_clip(tmp_path / "film.mp4", codec="libx264", frames=40, inputs=BEEP, output=("-t", "1.6", *flags))
    before = frame_hashes(film, "yuv420p")
    change_moov(film, lambda moov: moov + Box(b"free", bytes(2_500_000)).stored)
    assert frame_hashes(film, "yuv420p") == before
    change_moov(film, lambda moov: moov[:-2_500_008])
    assert frame_hashes(film, "yuv420p") == before
    assert (read_moov(film) or b"")[4:8] == b"mvhd"


@pytest.mark.parametrize("name", ["film.mov", "film.mp4"])
def test_languages_are_kept(name: str, tmp_path: Path) -> None:
    """Among them such as Macintosh had no number for, by which ffmpeg knows the languages of a .mov."""
    told = {"v:0": "swe", "a:0": "deu", "a:1": "eng"}
    words = [word for stream, language in told.items() for word in (f"-metadata:s:{stream}", f"language={language}")]
    output = ("-c:a", "aac", "-t", 0.24, *words)
    source = make_clip(tmp_path / "in.mp4", codec="libx264", inputs=(*BEEP, *BEEP), output=output)
    upsample(source, tmp_path / name)
    assert [stream["tags"]["language"] for stream in streams(tmp_path / name)] == list(told.values())
