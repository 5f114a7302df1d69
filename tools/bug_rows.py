"""Cases about picture, sound and times: each function makes its inputs, runs the program and judges what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from bug_desk import A, Check, Desk, Run, V, X
from bug_facts import Film, same_sound
from bug_inputs import bitmap_subtitle

Row = Callable[[Desk], Iterator[Check]]
SUBTITLE = "1\n00:00:00,100 --> 00:00:00,900\nHello\n"
FIVE_ONE = "sine=440:d=1,pan=5.1(side)|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"


def _lavfi(source: str) -> tuple[str, str, str, str]:
    return "-f", "lavfi", "-i", source


def _frames(run: Run, count: int) -> Check:
    found = len(run.film.times)
    return found == count, f"{run.output.name}: {found} frames of {count}"


def _sounds_alike(source: Path, run: Run, number: int = 0, out_number: int | None = None) -> Check:
    right, told = same_sound(Film(source), run.film, number, out_number)
    return right, f"{run.output.name}: {told}"


def opus(desk: Desk) -> Iterator[Check]:
    """Opus, copied and encoded, in the first and the second track, and in a run that is resumed."""
    webm = desk.make(
        "in.webm", *V, *A, "-c:v", "libvpx-vp9", "-b:v", "300k", "-deadline", "realtime", "-c:a", "libopus"
    )
    codecs = ("-c:a:0", "aac", "-c:a:1", "libopus")
    second = desk.make("second.mkv", *V, *A, *A, "-map", 0, "-map", 1, "-map", 2, *X, *codecs)
    plain = desk.make("aac.mp4", *V, *A, *X, "-c:a", "aac")
    for source, output in ((webm, "out.webm"), (webm, "out.mkv"), (second, "second_out.mkv"), (plain, "aac.webm")):
        run = desk.upsample(source, output)
        yield run.works()
        if run.worked:
            yield _frames(run, 50)
            yield _sounds_alike(source, run)
    if (desk.folder / "second_out.mkv").exists():
        right, told = same_sound(Film(second), Film(desk.folder / "second_out.mkv"), 1)
        yield right, f"second track: {told}"
    yield from _resumed_opus(desk)


def _resumed_opus(desk: Desk) -> Iterator[Check]:
    length = ("-t", 11, "-c:v", "libx264", "-preset", "veryfast", "-c:a", "libopus")
    source = desk.make("long.mkv", *_lavfi("testsrc2=s=64x48:r=25:d=11"), *_lavfi("sine=440:d=11"), *length)
    yield desk.interrupt(source, "resumed.mkv"), "a long run is interrupted"
    run = desk.upsample(source, "resumed.mkv", "--resume")
    yield run.works()
    if run.worked:
        yield _frames(run, 550)
        yield _sounds_alike(source, run)


def bars(desk: Desk) -> Iterator[Check]:
    """Cuts under bars, pillars and a still picture around are those that are found without."""
    surrounds = {
        "plain": "null",
        "bars": "pad=640:360:0:44",
        "pillars": "pad=1136:272:248:0",
        "still": "scale=448:190,pad=640:272:96:41:0x406080",
    }
    cuts: dict[str, list[int]] = {}
    for name, filters in surrounds.items():
        source = desk.make(f"{name}.mp4", "-i", desk.bikes, "-an", "-t", 3.4, "-vf", filters, *X)
        run = desk.upsample(source, f"{name}_out.mp4", "--cuts-out", f"{name}.json")
        yield run.works()
        listed = desk.folder / f"{name}.json"
        cuts[name] = [cut["frame"] for cut in json.loads(listed.read_text())["cuts"]] if listed.exists() else []
    yield bool(cuts["plain"]), f"plain: cuts at {cuts['plain']}"
    for name in ("bars", "pillars", "still"):
        yield cuts[name] == cuts["plain"], f"{name}: cuts at {cuts[name]}"


def clock(desk: Desk) -> Iterator[Check]:
    """Pieces whose clocks start again: the same start, forwards, backwards, and program streams."""
    codecs = (*X, "-bf", 0, "-c:a", "aac")
    one = desk.make("one.ts", *V, *A, *codecs).read_bytes()
    late = desk.make("late.ts", *V, *A, *codecs, "-output_ts_offset", 3600).read_bytes()
    dvd = ("-c:v", "mpeg2video", "-b:v", "2M", "-bf", 0, "-c:a", "ac3", "-f", "vob")
    cell = desk.make("one.vob", *V, *A, *dvd).read_bytes()
    whole = desk.make("whole.mp4", "-i", "one.ts", "-c", "copy")
    joined = {"in.ts": one + one, "forwards.ts": one + late, "backwards.ts": late + one, "cells.vob": cell + cell}
    for name, content in joined.items():
        source = desk.write(name, content)
        for suffix in (".mp4", ".mkv"):
            run = desk.upsample(source, f"{source.stem}{suffix}")
            if not run.worked:
                yield run.refuses("clock")
                continue
            yield from _pieces_follow(run, Film(whole), name)


def _pieces_follow(run: Run, piece: Film, name: str) -> Iterator[Check]:
    """Two seconds in which the piece comes twice, picture and sound in step, with nothing made in between."""
    times, sound = run.film.times, run.film.sound()
    longest = max((after - before for before, after in pairwise(times)), default=Fraction(0))
    yield len(times) == 100, f"{run.name} of {name}: {len(times)} frames of 100"
    yield abs(times[-1] - Fraction(198, 100)) < Fraction(6, 100), f"spans {float(times[-1]):.3f} s of 1.98"
    yield longest < Fraction(1, 10), f"longest gap {float(longest):.3f} s"
    loud = float((sound.energies() > 0.5 * piece.sound().energies().max()).mean() * len(sound.samples) / sound.rate)
    yield loud > 1.85 and len(sound.samples) < 2.2 * sound.rate, f"{loud:.2f} s of sound are heard"
    yield sound.overlaps < 0.005, f"{sound.overlaps:.3f} s of sound overlap"
    pictures = run.film.pictures()
    if len(pictures) == 100:
        mixed = float(np.abs(pictures[49] - pictures[48]).mean())
        yield mixed < 3, f"the frame before the join differs by {mixed:.1f} from the one before it"
    yield run.says("clock", where=run.notes)


def telecine(desk: Desk) -> Iterator[Check]:
    """Flagged hard telecine."""
    chain = "fps=24000/1001,scale=720:480,telecine=first_field=top:pattern=23,setfield=tff"
    codec = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-b:v", "6M")
    source = desk.make("in.mpg", "-ss", 1.3, "-t", 4, "-i", desk.bikes_50, "-an", "-vf", chain, *codec)
    yield desk.program("upsample", source, "out.mp4", "--dry-run").says("telecined", "ivtc")


def still_middle(desk: Desk) -> Iterator[Check]:
    """Interlaced film that stands still in its middle."""
    chain = (
        "scale=360:288,tinterlace=interleave_top,split=3[a][b][c];[a]trim=end_frame=20[a1];"
        "[b]trim=start_frame=20:end_frame=21,loop=40:1[b1];[c]trim=start_frame=21:end_frame=41,setpts=PTS-STARTPTS[c1];"
        "[a1][b1][c1]concat=n=3,setpts=N/25/TB,setfield=prog"
    )
    source = desk.make("in.mp4", "-ss", 1.3, "-t", 2.4, "-i", desk.bikes_50, "-an", "-vf", chain, "-r", 25, *X)
    run = desk.program("upsample", source, "out.mp4", "--dry-run")
    yield run.says("interlaced", "--deinterlace")


def false_comb(desk: Desk) -> Iterator[Check]:
    """Synthetic pictures that look combed and are not."""
    for number, (size, rate) in enumerate((("320x180", 240), ("160x90", 25), ("256x144", 25), ("160x90", 50))):
        length = 0.15 if rate == 240 else 0.6
        source = desk.make(f"{number}.mov", *_lavfi(f"testsrc2=s={size}:r={rate}:d={length}"), *X)
        run = desk.upsample(source, f"{number}_out.mov")
        yield run.works()
        if run.worked:
            yield _frames(run, 2 * round(rate * length))


def half_mkv(desk: Desk) -> Iterator[Check]:
    """Half of a download."""
    options = (*X, "-g", 10, "-c:a", "aac", "-cluster_time_limit", 300)
    whole = desk.make("a.mkv", *_lavfi("testsrc2=s=320x180:r=25:d=4"), *_lavfi("sine=440:d=4"), *options).read_bytes()
    run = desk.upsample(desk.write("in.mkv", whole[: len(whole) // 2]), "out.mp4")
    yield run.works()
    if run.worked:
        there = len(run.film.times) / 50
        yield run.says("4.0", f"{there:.2f}", where=run.notes)


def rgb(desk: Desk) -> Iterator[Check]:
    """RGB to what plays everywhere, and to an editor."""
    source = desk.make("in.mkv", *_lavfi("testsrc=s=320x180:r=25:d=0.4"), "-c:v", "libx264rgb")
    for output, options in (("web.mp4", ("--for", "web")), ("edit.mov", ("--for", "edit")), ("plain.mp4", ())):
        run = desk.upsample(source, output, *options)
        yield run.works()
        if not run.worked:
            continue
        picture = run.film.picture
        stored = f"{output}: {picture['pix_fmt']}, {picture.get('color_space')}"
        converted = picture["pix_fmt"].startswith("yuv4") and picture.get("color_space") == "bt709"
        playable = picture["pix_fmt"] == "yuv420p"
        said = "bt.709" in run.notes.lower() or "bt709" in run.notes.lower()
        if options:
            yield converted and said and (playable or output == "edit.mov"), f"{stored}, said: {said}"
        else:
            yield (converted and playable and said) or "play" in run.notes, f"{stored}, notes: {run.notes or 'none'}"


def alpha_mov(desk: Desk) -> Iterator[Check]:
    """Transparency for an editor."""
    chain = ("-vf", "format=argb,colorchannelmixer=aa=0.5", "-c:v", "qtrle")
    source = desk.make("in.mov", *_lavfi("testsrc=s=320x180:r=25:d=0.4"), *chain)
    run = desk.upsample(source, "out.mov", "--for", "edit")
    yield run.works()
    if run.worked:
        picture = run.film.picture
        alpha = run.film.pictures("rgba")[..., 3]
        yield picture["codec_name"] == "prores" and "yuva444" in picture["pix_fmt"], f"{picture['pix_fmt']}"
        yield abs(float(alpha.mean()) - 127.5) < 3, f"alpha {float(alpha.mean()):.0f} of 127.5"


def alpha_webm(desk: Desk) -> Iterator[Check]:
    """Transparency in .webm."""
    disc = "a='if(lt(hypot(X-64,Y-64),50),255,0)'"
    chain = f"format=yuva420p,geq=lum='p(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':{disc}"
    codec = ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-b:v", "300k")
    source = desk.make("in.webm", *_lavfi("testsrc=s=128x128:r=30:d=0.5"), "-vf", chain, *codec)
    run = desk.upsample(source, "out.webm")
    yield run.works()
    if run.worked:
        told = {name.lower(): value for name, value in run.film.picture.get("tags", {}).items()}.get("alpha_mode")
        one, other = (film.pictures("rgba", "libvpx-vp9")[..., 3] for film in (Film(source), run.film))
        off = float(np.abs(other[::2][: len(one)] - one).mean()) if len(other) == 2 * len(one) else 255.0
        yield told == "1" and off < 8, f"alpha_mode {told}, alpha off by {off:.1f}"


def side_51(desk: Desk) -> Iterator[Check]:
    """A layout that Opus lacks."""
    source = desk.make("in.mkv", *V, *_lavfi(FIVE_ONE), *X, "-c:a", "ac3")
    for output, options in (("out.webm", ()), ("slow.webm", ("--slow-motion",))):
        run = desk.upsample(source, output, *options)
        yield run.works()
        sounds = run.film.of_kind("audio") if run.worked else []
        told = ", ".join(f"{s['codec_name']} {s.get('channel_layout')}" for s in sounds) or "no sound"
        six = [s["codec_name"] == "opus" and s["channels"] == 6 for s in sounds]
        yield six == [True], f"{output}: {told}"
        if six and not options:
            yield _sounds_alike(source, run)


def turned(desk: Desk) -> Iterator[Check]:
    """A size that changes on the way."""
    for name, size in (("a", "320x180"), ("b", "180x320")):
        desk.make(f"{name}.webm", *_lavfi(f"testsrc2=s={size}:r=25:d=0.6"), "-c:v", "libvpx")
    desk.write("l.txt", "file a.webm\nfile b.webm\n")
    run = desk.upsample(desk.make("in.webm", "-f", "concat", "-i", "l.txt", "-c", "copy"), "out.mp4")
    yield run.works()
    if not run.worked:
        return
    yield _frames(run, 60)
    pictures = run.film.pictures()[..., 0]
    sides, middle = pictures[40:, :, :80].mean(), pictures[40:, :, 120:200].mean()
    yield sides < 40 < middle, f"sides {sides:.0f}, middle {middle:.0f}"
    before, across = pictures[28], pictures[29]
    yield float(np.abs(across - before).mean()) < 3, "the frame at the turn is held"
    yield run.says("size", where=run.notes)


def formats(desk: Desk) -> Iterator[Check]:
    """Pixel formats that are stored as others."""
    kinds = {
        "in.dv": ("testsrc2=s=720x480:r=30000/1001:d=0.3", "dvvideo", "yuv411p"),
        "yuv410p.mkv": ("testsrc2=s=320x180:r=25:d=0.4", "ffv1", "yuv410p"),
        "gray10.mkv": ("testsrc2=s=320x180:r=25:d=0.4", "ffv1", "gray10le"),
        "monob.nut": ("testsrc2=s=320x180:r=25:d=0.4", "rawvideo", "monob"),
    }
    for name, (picture, codec, pix_fmt) in kinds.items():
        source = desk.make(name, *_lavfi(picture), "-c:v", codec, "-pix_fmt", pix_fmt)
        run = desk.upsample(source, f"{Path(name).stem}.mp4", "--deinterlace", "off")
        yield run.works()
        if run.worked:
            stored = run.film.picture["pix_fmt"]
            own = Film(source).picture["pix_fmt"]
            yield stored == own or stored in run.notes, f"{own} is stored as {stored}, notes: {run.notes or 'none'}"


def ten_bit_422(desk: Desk) -> Iterator[Check]:
    """A profile of H.264 that few players show."""
    source = desk.make("in.mp4", *V, "-c:v", "libx265", "-pix_fmt", "yuv422p10le")
    run = desk.upsample(source, "out.mp4")
    yield run.works()
    yield run.says("player", "--", where=run.notes)


def joined(desk: Desk) -> Iterator[Check]:
    """Films of two rates, joined."""
    for name, rate in (("a", 24), ("b", 30)):
        desk.make(f"{name}.mp4", *_lavfi(f"testsrc2=s=320x180:r={rate}:d=0.5"), *X)
    desk.write("l.txt", "file a.mp4\nfile b.mp4\n")
    run = desk.upsample(desk.make("in.mp4", "-f", "concat", "-i", "l.txt", "-c", "copy"), "out.mp4")
    yield run.works()
    yield "damaged" not in run.said, f"notes: {run.notes or 'none'}"
    if run.worked:
        yield _frames(run, 54)


def data_first(desk: Desk) -> Iterator[Check]:
    """A stream that is left out and begins before picture and sound."""
    assert desk.scte35 is not None
    for output in ("out.mkv", "out.mp4"):
        run = desk.upsample(desk.scte35, output)
        yield run.works()
        if run.worked:
            yield _sounds_alike(desk.scte35, run)
            begins = float(run.film.facts["format"]["start_time"])
            yield begins < 0.1, f"{output}: begins at {begins:.3f} s"


def info(desk: Desk) -> Iterator[Check]:
    """Facts of a film on which the trial of a few pairs fails."""
    subtitle = desk.write("s.sup", bitmap_subtitle(0.01, 0.04))
    maps = ("-map", 0, "-map", 1, "-map", 2, *X, "-c:a", "ac3", "-c:s", "dvdsub")
    inputs = (*_lavfi("testsrc2=s=320x180:r=600:d=0.05"), *_lavfi("sine=440:d=0.05"), "-i", subtitle)
    source = desk.make("in.mkv", *inputs, *maps)
    for run in (desk.program("info", source), desk.program("upsample", source, "out.mp4", "--dry-run")):
        yield run.code == 0, f"{run.name}: {'exit 0' if run.code == 0 else run.failure}"
        yield run.says("320x180", "ac3")
        yield "a made frame" in run.said or "cost" in run.said, f"{run.name}: the cost, or that it can't be tried"


ROWS: dict[str, Row] = {
    "opus": opus,
    "bars": bars,
    "clock": clock,
    "telecine": telecine,
    "still-middle": still_middle,
    "false-comb": false_comb,
    "half-mkv": half_mkv,
    "rgb": rgb,
    "alpha-mov": alpha_mov,
    "alpha-webm": alpha_webm,
    "5.1-side": side_51,
    "turned": turned,
    "formats": formats,
    "422-10bit": ten_bit_422,
    "joined": joined,
    "data-first": data_first,
    "info": info,
}
