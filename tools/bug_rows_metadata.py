"""Cases about what a film carries beside picture and sound, and about what the program says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction

from bug_desk import A, Check, Desk, V, X
from bug_facts import Film
from bug_inputs import turn_into_mebx, with_captions
from bug_rows import SUBTITLE, Row

PHONE = {
    "creation_time": "2023-09-02T06:53:13Z",
    "com.apple.quicktime.creationdate": "2023-09-01T23:53:03-0700",
    "location": "+50.8278-0.1413/",
    "com.apple.quicktime.make": "Apple",
    "com.android.version": "13",
}
CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=200
END=600
title=One
[CHAPTER]
TIMEBASE=1/1000
START=600
END=1000
title=Two
"""
KEY = ("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")


def timecode(desk: Desk) -> Iterator[Check]:
    """The timecode is that of the first frame kept, counted at the new rate; drop-frame stays so."""
    kept = {
        "whole.mov": (25, "10:00:00:00", (), "10:00:00:00"),
        "part.mov": (25, "10:00:00:00", ("--start", 0.4), "10:00:00:20"),
    }
    kept["drop.mp4"] = (Fraction(30000, 1001), "10:00:00;00", (), "10:00:00;00")
    for output, (rate, written, options, wanted) in kept.items():
        picture = ("-f", "lavfi", "-i", f"testsrc2=s=320x180:r={rate}:d=1")
        source = desk.make(f"in_{output}", *picture, *A, *X, "-c:a", "aac", "-timecode", written)
        run = desk.upsample(source, output, *options)
        yield run.works()
        if run.worked:
            found = [s["tags"]["timecode"] for s in run.film.streams if "timecode" in s.get("tags", {})]
            yield bool(found) and set(found) == {wanted}, f"{output}: timecode {found} of {wanted}"
            yield "left out" not in run.said, f"{output}: notes: {run.notes or 'none'}"


def mebx(desk: Desk) -> Iterator[Check]:
    """A timed metadata track, as phones write."""
    sounds = ("-map", 0, "-map", 1, "-map", 1, "-c:a:0", "aac", "-c:a:1", "pcm_s16le")
    source = desk.make("in.mov", *V, *A, *sounds, *X)
    turn_into_mebx(source)
    run = desk.upsample(source, "out.mov")
    yield run.works()
    if run.worked:
        content = run.output.read_bytes()
        track = content.rfind(b"mebx")
        size = int.from_bytes(content[track - 4 : track], "big") if track > 0 else 0
        own = source.read_bytes()
        whole = size == int.from_bytes(own[(at := own.rindex(b"mebx")) - 4 : at], "big")
        named = "left out" in run.notes and "data" in run.notes
        yield (
            whole or (named and len(run.film.streams) == 2),
            f"description of {size} bytes, notes: {run.notes or 'none'}",
        )


def tags(desk: Desk) -> Iterator[Check]:
    """What phones say of a film."""
    said = [word for name, value in PHONE.items() for word in ("-metadata", f"{name}={value}")]
    source = desk.make("in.mov", *V, *A, *X, "-c:a", "aac", *said, "-movflags", "use_metadata_tags")
    for output in ("out.mov", "out.mp4"):
        run = desk.upsample(source, output)
        yield run.works()
        if run.worked:
            found = run.film.tags
            lost = [name for name, value in Film(source).tags.items() if name in PHONE and _lost(found, name, value)]
            unsaid = [name for name in lost if name not in run.notes]
            yield not unsaid, f"{output}: lost without a word: {', '.join(unsaid) or 'none'}"


def _lost(found: dict[str, str], name: str, value: str) -> bool:
    return not found.get(name, "").startswith(value[:19])


def dispositions(desk: Desk) -> Iterator[Check]:
    """What streams are meant for."""
    words = desk.write("s.srt", SUBTITLE)
    maps = ("-i", words, "-i", words, "-map", 0, "-map", 1, "-map", 2, "-map", 3, *X, "-c:a", "aac", "-c:s", "srt")
    held = ("-disposition:a:0", 0, "-disposition:s:0", "forced", "-disposition:s:1", "hearing_impaired")
    source = desk.make("in.mkv", *V, *A, *maps, *held)
    run = desk.upsample(source, "out.mkv")
    yield run.works()
    if run.worked:
        before, after = (
            [sorted(name for name, held in s["disposition"].items() if held) for s in film.streams]
            for film in (Film(source), run.film)
        )
        yield before == after, f"{after} of {before}"


def projection(desk: Desk) -> Iterator[Check]:
    """A picture of all around."""
    desk.make("a.mkv", *V, *X)
    private = "0:0000000000000000000000000000000000000000"
    desk.run_tool(
        "mkvmerge", "-q", "-o", "in.mkv", "--projection-type", "0:1", "--projection-private", private, "a.mkv"
    )
    run = desk.upsample("in.mkv", "out.mkv")
    yield run.works()
    if run.worked:
        sides = [side.get("projection") for side in run.film.picture.get("side_data_list", [])]
        named = any(word in run.notes for word in ("projection", "360"))
        yield "equirectangular" in sides or named, f"side data {sides}, notes: {run.notes or 'none'}"


def crop(desk: Desk) -> Iterator[Check]:
    """A crop in the header."""
    desk.make("a.mp4", "-f", "lavfi", "-i", "testsrc2=s=352x288:r=25:d=0.6", *X)
    desk.run_tool("mkvmerge", "-q", "-o", "in.mkv", "--cropping", "0:0,40,0,40", "a.mp4")
    run = desk.upsample("in.mkv", "out.mkv")
    yield run.works()
    if run.worked:
        told = desk.run_tool("mkvinfo", "out.mkv")
        kept = "crop: 40" in told.lower() or "bottom: 40" in told.lower() or (run.film.picture["height"] == 208)
        yield kept or "crop" in run.notes.lower(), f"kept: {kept}, notes: {run.notes or 'none'}"


def captions(desk: Desk) -> Iterator[Check]:
    """Captions and frame packing inside H.264."""
    stream = desk.make("plain.h264", *V, *X, "-bf", 0)
    desk.write("captions.h264", with_captions(stream.read_bytes()))
    captioned = desk.make("captions.mp4", "-r", 25, "-i", "captions.h264", "-c", "copy")
    sides = Film(captioned).frame_data()
    yield any("Captions" in side for side in sides), f"the source has {sorted(sides)}"
    packed = desk.make("packed.mp4", *V, *X, "-x264-params", "frame-packing=3")
    for suffix in (".mkv", ".mp4"):
        run = desk.upsample(captioned, f"captions_out{suffix}")
        yield run.works()
        if run.worked:
            carried = any("Captions" in side for side in run.film.frame_data()) or bool(run.film.of_kind("subtitle"))
            yield carried or "caption" in run.notes.lower(), f"captions{suffix}: carried: {carried}"
        run = desk.upsample(packed, f"packed_out{suffix}")
        yield run.works()
        if run.worked:
            kept = "Stereo 3D" in run.film.frame_data() or "stereo_mode" in str(run.film.picture)
            named = any(word in run.notes.lower() for word in ("3d", "stereo", "frame packing"))
            yield kept or named, f"frame packing{suffix}: kept: {kept}, notes: {run.notes or 'none'}"


def encrypted(desk: Desk) -> Iterator[Check]:
    """A film whose samples are encrypted."""
    source = desk.make("in.mp4", *V, *A, *X, "-c:a", "aac", "-encryption_scheme", "cenc-aes-ctr", *KEY)
    yield desk.upsample(source, "out.mp4").refuses("encrypted")


def chapter(desk: Desk) -> Iterator[Check]:
    """Chapters that don't begin with the film."""
    listed = desk.write("chapters.txt", CHAPTERS)
    source = desk.make("in.mkv", *V, "-i", listed, "-map_metadata", 1, *X)
    run = desk.upsample(source, "out.mp4")
    yield run.works()
    if run.worked:
        starts = [float(c["start_time"]) for c in run.film.facts["chapters"]]
        yield [round(start, 3) for start in starts] == [0.2, 0.6], f"chapters begin at {starts}"


def messages(desk: Desk) -> Iterator[Check]:
    """What is said to a person who gives something else than a film and a name."""
    source = desk.make("in.mp4", *V, *X)
    films = desk.folder / "films"
    films.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(source, films / name)
    yield desk.program("upsample", "in.mp4").refuses("OUT")
    yield desk.program("upsample", "films/*.mov", "out").refuses("match")
    yield desk.program("upsample", "films", "out.mp4").refuses("a.mp4")
    yield desk.program("upsample", "https://example.com/a.mp4", "out.mp4").refuses("address")
    yield desk.program("upsample", "in.mp4", "out.mp4", "--codec", "h265").refuses("libx265")
    yield desk.program("upsample", "in.mp4", "out.mp4", "--codec", "x264").refuses("libx264")
    run = desk.program("upsample", "films/a.mp4", "films/b.mp4", "several.mp4")
    yield run.code != 0 and not (desk.folder / "several.mp4").exists(), f"several into one name: {run.failure}"
    yield from _link_followed(desk)
    yield from _numbers_sorted(desk)


def _link_followed(desk: Desk) -> Iterator[Check]:
    target, link = desk.write("target.mp4", "old"), desk.folder / "link.mp4"
    link.symlink_to(target)
    run = desk.upsample("in.mp4", "link.mp4", "-y")
    yield run.works()
    yield link.is_symlink() and target.stat().st_size > 3, "the output's link is followed"


def _numbers_sorted(desk: Desk) -> Iterator[Check]:
    images = desk.folder / "frames"
    images.mkdir()
    for name, grey in (("-0001", 40), ("0000", 120), ("0001", 200)):
        desk.make(
            f"frames/{name}.png", "-f", "lavfi", "-i", f"color=0x{grey:02x}{grey:02x}{grey:02x}:s=64x48", "-frames:v", 1
        )
    run = desk.upsample("frames", "sorted.mkv", "--input-fps", 10, "--no-cuts", "--codec", "ffv1")
    yield run.works()
    if run.worked:
        greys = [float(picture.mean()) for picture in run.film.pictures()[::2]]
        yield greys == sorted(greys), f"images by number: {[round(grey) for grey in greys]}"


def short_dnxhd(desk: Desk) -> Iterator[Check]:
    """A codec that takes a few sizes alone."""
    source = desk.make("in.mov", "-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=0.6", *X)
    run = desk.upsample(source, "out.mov", "--codec", "dnxhd", "--deinterlace", "off")
    yield run.refuses("dnxhd", "hint:")
    yield "could not encode" not in run.said and "@ 0x" not in run.said, f"a sentence of its own: {run.failure}"


METADATA_ROWS: dict[str, Row] = {
    "timecode": timecode,
    "mebx": mebx,
    "tags": tags,
    "dispositions": dispositions,
    "projection": projection,
    "crop": crop,
    "captions-3d": captions,
    "encrypted": encrypted,
    "chapter": chapter,
    "messages": messages,
    "short-dnxhd": short_dnxhd,
}
