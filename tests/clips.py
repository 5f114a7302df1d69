"""Makes small clips with ffmpeg, reads films without any of the code under test, and stands in for the network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial, wraps
from io import StringIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import pytest
from blends import blend
from PIL import Image

import ifrplus_cli
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import MINDSPORE, Engine
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.plan import NetworkOptions, plan_network
from ifrplus_cli.video.reading.probe import probe

FFMPEG = shutil.which("ffmpeg") or "ffmpeg"
FFPROBE = shutil.which("ffprobe") or "ffprobe"
MOVING = "scroll=horizontal=0.04:vertical=0.02"  # every frame of the test picture differs from the last
BEEP = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
TIME_TO_GO = 2.0  # seconds that a killed process may take


def blend_model(
    network: Callable[..., Any] = blend,
    size: tuple[int, int] = (48, 64),
    inputs: tuple[str, ...] = ("left", "right", "t"),
    engine: Engine = MINDSPORE,
    **options: Any,
) -> LoadedModel:
    """Return a loaded model without weights: ``network`` on pictures of (height, width), with network options."""
    spec = replace(MODELS["lite"], inputs=inputs, build_parts=None)
    plan = plan_network(spec, engine, Device("CPU"), size, [Fraction(1, 2)], NetworkOptions(**options))
    return LoadedModel(plan, network, Path("blend"), "0" * 64)


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; show its messages if it fails."""
    command = [FFMPEG, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def make_clip(
    path: Path,
    *,
    frames: int = 6,
    size: str = "64x48",
    rate: str = "25",
    pix_fmt: str = "yuv420p",
    codec: str = "ffv1",
    ticks: Sequence[int] | None = None,
    time_base: str = "1/1000",
    noise: bool = False,
    filters: str = "",
    inputs: Sequence[object] = (),
    output: Sequence[object] = (),
) -> Path:
    """A clip of a moving test picture.

    Args:
        ticks: time of each frame in units of ``time_base``, for a variable rate.
        noise: add noise, so that no two samples are alike.
        filters: what describes the picture, such as setparams or setsar.
        inputs: further inputs, mapped after the picture.
        output: further options of the output.
    """
    width, height = map(int, size.split("x"))
    chain = [f"testsrc2=size={width + width % 2}x{height + height % 2}:rate={rate}", MOVING]
    options: list[object] = ["-frames:v", frames]
    if noise:
        chain.append("noise=alls=40:allf=t")
    if ticks is not None:
        frames = len(ticks)
        times = "+".join(rf"eq(N\,{number})*{tick}" for number, tick in enumerate(ticks))
        chain += [f"settb={time_base}", f"setpts={times}"]
        options = ["-frames:v", frames, "-fps_mode", "passthrough", "-enc_time_base", time_base.replace("/", ":")]
        if path.suffix in {".mp4", ".mov"}:
            options += ["-video_track_timescale", time_base.split("/")[1]]
    chain += [f"format={pix_fmt}", f"crop={width}:{height}:0:0:exact=1"]
    described = ["-filter:v:0", filters] if filters else []
    maps = [argument for number in range(list(inputs).count("-i") + 1) for argument in ("-map", number)]
    lossless = ["-qp", "0", "-preset", "ultrafast"] if codec == "libx264" else []
    arguments = (
        *("-f", "lavfi", "-i", ",".join(chain), *inputs, *maps, "-c:v", codec),
        *(*lossless, *described, *options, *output),
    )
    if _reads_no_file(arguments):
        path.write_bytes(_made_once(path.suffix, *arguments))
    else:
        ffmpeg(*arguments, path)
    return path


def _reads_no_file(arguments: Sequence[object]) -> bool:
    """Whether ffmpeg draws all of its inputs, so that it always makes the same of these arguments."""
    drawn = list(pairwise(arguments)).count(("lavfi", "-i"))
    return drawn == arguments.count("-i") and not any(str(word).startswith("/") for word in arguments)


@cache
def _made_once(suffix: str, *arguments: object) -> bytes:
    """The file that ffmpeg makes, which is kept: a clip that many tests ask for is made once in a process."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{suffix}"
        ffmpeg(*arguments, path)
        return path.read_bytes()


def make_images(
    folder: Path, suffix: str = ".png", *, frames: int = 4, size: str = "64x48", pix_fmt: str = "rgb24", first: int = 1
) -> Path:
    """A folder of numbered images of a moving test picture, some of it half clear if the format has alpha."""
    folder.mkdir()
    codec = {".png": "png", ".jpg": "mjpeg", ".webp": "libwebp", ".tif": "tiff"}[suffix]
    clear = ",format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,W/2),255,64)'"
    chain = f"testsrc2=size={size}:rate=25,{MOVING}{clear if 'a' in pix_fmt.removeprefix('gray') else ''}"
    options = ("-lossless", 1) if suffix == ".webp" and "yuv" not in pix_fmt else ()
    described = ("-frames:v", frames, "-c:v", codec, *options, "-pix_fmt", pix_fmt, "-start_number", first)
    ffmpeg("-f", "lavfi", "-i", chain, *described, folder / f"%d{suffix}")
    return folder


def make_animation(path: Path, *, frames: int = 4, plays: int = 0, rate: str = "10", filters: str = "null") -> Path:
    """A GIF, APNG or WebP of a moving test picture."""
    chain = f"testsrc2=size=64x48:rate={rate},trim=end_frame={frames},{MOVING},format=rgba,{filters}"
    if path.suffix == ".gif":
        chain += ",split[a][b];[a]palettegen[p];[b][p]paletteuse"
    options = {
        ".gif": ("-loop", plays - 1 if plays > 1 else -plays),
        ".apng": ("-plays", plays),
        ".webp": ("-c:v", "libwebp_anim", "-lossless", 1, "-loop", plays),
    }[path.suffix]
    ffmpeg("-f", "lavfi", "-i", chain, *options, path)
    return path


def animation_of(path: Path) -> tuple[list[int], list[np.ndarray], int | None]:
    """Durations in milliseconds, RGBA pictures, and the loop count as it is stored, read without ffmpeg."""
    durations, pictures = [], []
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            durations.append(round(image.info["duration"]))
            pictures.append(np.asarray(image.convert("RGBA")).astype(int))
        return durations, pictures, image.info.get("loop")


Found = TypeVar("Found")


def once(read: Callable[..., Found]) -> Callable[..., Found]:
    """Let a function of a file answer from memory while the file stays the same: each look starts a process."""

    @cache
    def kept(path: Path, state: tuple[int, ...], *arguments: Any, **options: Any) -> Found:
        return read(path, *arguments, **options)

    @wraps(read)
    def look(path: Path, *arguments: Any, **options: Any) -> Found:
        state = path.stat()
        return kept(path, (state.st_ino, state.st_mtime_ns, state.st_size), *arguments, **options)

    return look


probe_once = once(partial(probe, read_sound=True))


@once
def look_at(path: Path) -> dict[str, Any]:
    """All that ffprobe says of a file: its format, streams, chapters and packets."""
    shown = ("-show_format", "-show_streams", "-show_chapters", "-show_packets")
    command = [FFPROBE, "-v", "error", "-of", "json", *shown, f"file:{path}"]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def streams(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The streams of a file, all or those of one kind."""
    return [stream for stream in look_at(path)["streams"] if kind in (None, stream["codec_type"])]


def picture(path: Path) -> dict[str, Any]:
    """The first video stream."""
    return streams(path, "video")[0]


def _shown_packets(path: Path) -> tuple[list[dict[str, Any]], Fraction]:
    first = picture(path)
    packets = [packet for packet in look_at(path)["packets"] if packet["stream_index"] == first["index"]]
    return [packet for packet in packets if "D" not in packet["flags"]], Fraction(first["time_base"])


def frame_times(path: Path) -> list[Fraction]:
    """When each frame of the first video stream is shown, in exact seconds."""
    packets, time_base = _shown_packets(path)
    return sorted(packet["pts"] * time_base for packet in packets)


def end_time(path: Path) -> Fraction:
    """When the last frame of the first video stream ends, in exact seconds."""
    packets, time_base = _shown_packets(path)
    return max(packet["pts"] + int(packet.get("duration", 0)) for packet in packets) * time_base


@once
def frame_hashes(path: Path, pix_fmt: str, *, turned: bool = False) -> list[tuple[int, str]]:
    """(bytes, MD5) of the decoded frames of the first video stream, as stored or turned as the file says."""
    rotate = [] if turned else ["-noautorotate"]
    command = [FFMPEG, "-v", "error", "-nostdin", *rotate, "-i", f"file:{path}", "-map", "v:0"]
    command += ["-fps_mode", "passthrough", "-pix_fmt", pix_fmt, "-f", "framehash", "-hash", "md5", "-"]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    rows = [line.split(",") for line in told.splitlines() if not line.startswith("#")]
    return [(int(row[4]), row[5].strip()) for row in rows]


def frame_hash(planes: Sequence[np.ndarray]) -> tuple[int, str]:
    """What ``frame_hashes`` would say of a frame of these planes."""
    samples = b"".join(plane.tobytes() for plane in planes)
    return len(samples), hashlib.md5(samples).hexdigest()


def wrap_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, *, decoder: str = "", encoder: str = "") -> Path:
    """Let the program run a shell script in place of the ffmpeg that decodes, or of the one that encodes the film.

    The trial before the run is encoded as usual.
    """
    ordinary = 'exec ffmpeg "$@"'
    script = folder / "ffmpeg.sh"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"*/.ifrplus-*/trial*) {ordinary} ;;\n"
        f"*pipe:0*) {encoder or ordinary} ;;\n"
        f"*rawvideo*pipe:1*) {decoder or ordinary} ;;\n"
        f"*) {ordinary} ;;\n"
        "esac\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("IFRPLUS_FFMPEG", str(script))
    return script


def children() -> list[str]:
    """Command lines of the processes that this one has started and that have not ended.

    Python's own servers do not count: they stay once anything was run in a process of its own.
    """
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.append(stat.with_name("cmdline").read_text().replace("\0", " "))
    servers = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
    return [line for line in found if not any(server in line for server in servers)]


def left_running_in(folder: Path) -> list[str]:
    """Command lines of all processes that name something in a folder, once those that were killed had time to go."""
    deadline = time.monotonic() + TIME_TO_GO
    while (found := _running_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _running_in(folder: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in line:
                found.append(line)
    return found


PACKAGE_FOLDER = Path(ifrplus_cli.__file__).parents[1]  # the program that runs is the one under test
PROGRAM = (sys.executable, "-m", "ifrplus_cli")
BLEND_PROGRAM = (sys.executable, str(Path(__file__).with_name("blend_program.py")))


def run_program(
    *arguments: object,
    folder: Path,
    program: Sequence[str] = PROGRAM,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the program as a person would, in a folder, without a terminal."""
    command = [*program, *(a if isinstance(a, bytes) else str(a) for a in arguments)]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=50,
        check=False,
    )


class Heard(StringIO):
    """A stream of text in memory that says how a file of it would be encoded."""

    encoding = "utf-8"


def run_here(
    *arguments: object, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``run_program`` in this process, which saves a second: for tests of messages and of files left behind."""
    from ifrplus_cli.commands import console, main, signals

    words = [os.fsdecode(a if isinstance(a, bytes) else str(a)) for a in arguments]
    told, complained, code = Heard(), Heard(), 0
    handlers = {number: signal.getsignal(number) for number in signals.SIGNALS}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told), redirect_stderr(complained):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["ifrplus", *words])
        patch.setattr(console, "talk", console._console(sys.stderr, stderr=True))
        patch.setattr(main, "keep_freed_memory", lambda: None)
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        try:
            main.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return subprocess.CompletedProcess(words, code, told.getvalue(), complained.getvalue())


def run_blend_here(
    *arguments: object, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``run_program`` with ``BLEND_PROGRAM``, in this process."""
    import blend_program

    from ifrplus_cli.measure import check, evaluate
    from ifrplus_cli.pipeline import segments

    took_the_name = ((module, "load_model", blend_program.load) for module in (check, evaluate))
    with pytest.MonkeyPatch.context() as patch:
        for module, name, stand_in in (*blend_program.STAND_INS, *took_the_name):
            patch.setattr(module, name, stand_in)
        patch.setattr(segments, "FRAMES", int((environment or {}).get("SEGMENT_FRAMES", segments.FRAMES)))
        return run_here(*arguments, folder=folder, environment=environment)
