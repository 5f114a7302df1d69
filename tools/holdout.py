"""Measure hold-out quality: drop frames of real clips, make them again, and compare them with the truth.

Of the first frames of each clip every second one (three of four with ``--factor 4``) is dropped, and the others are
encoded without loss at the lower rate. The dropped frames are made again by each method, and all are compared as RGB,
converted in the same way for truth and result: by ffmpeg, or with ``--rgb ifrplus`` as ``ifrplus check`` does. A clip's
figure is the mean PSNR of its made frames, a method's the mean of its clips.

    python tools/holdout.py CLIPS [--methods hold,blend,dis,minterpolate,ours] [--factor 2] [--json] [-- ARGUMENTS]

Arguments after ``--`` are passed on to ``ifrplus upsample``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import numpy.typing as npt

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.metrics import psnr
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.video.decode import decode
from ifrplus_cli.video.probe import probe

Picture = npt.NDArray[np.uint8]  # H x W x 3, RGB
Reader = Callable[[Path, "int | None"], list[Picture]]

FRAMES = 21
CLIP_SUFFIXES = {".mp4", ".mkv", ".mov", ".webm", ".avi"}


@dataclass(frozen=True)
class HoldOut:
    """A clip's frames, and the film that keeps every ``factor``-th of them, from time 0.

    Attributes:
        truth: all frames; the first and the last one are kept.
        film: the kept frames, encoded without loss.
        rate: of all frames, in frames per second.
        options: arguments for ``ifrplus upsample``.
        read: function that reads pictures and converts them to RGB.
    """

    truth: list[Picture]
    film: Path
    rate: Fraction
    factor: int
    options: list[str]
    read: Reader

    @property
    def dropped(self) -> list[int]:
        """Indices in ``truth`` of the frames to make."""
        return [index for index in range(len(self.truth)) if index % self.factor]

    def between(self, index: int) -> tuple[Picture, Picture, float]:
        """Return the kept frames around a dropped one, and its timestep between them."""
        left = index // self.factor * self.factor
        return self.truth[left], self.truth[left + self.factor], (index - left) / self.factor


@dataclass(frozen=True)
class Score:
    """The result of a method on a clip, or on average.

    Attributes:
        psnr: mean of its made frames, in decibels.
        psnr_at: the same for each timestep separately.
        seconds: time that the method took.
    """

    psnr: float
    psnr_at: dict[float, float]
    seconds: float


def hold(clip: HoldOut) -> list[Picture]:
    """Repeat the left frame."""
    return [clip.between(index)[0] for index in clip.dropped]


def blend(clip: HoldOut) -> list[Picture]:
    """Mix both frames by the timestep."""
    return [_mix(*clip.between(index)) for index in clip.dropped]


def dis(clip: HoldOut) -> list[Picture]:
    """Warp both frames along the dense inverse search flow (Kroeger et al., ECCV 2016) and mix them."""
    made = []
    for index in clip.dropped:
        left, right, timestep = clip.between(index)
        to_left, to_right = _flow(right, left), _flow(left, right)
        made.append(_mix(_warp(left, to_left * timestep), _warp(right, to_right * (1 - timestep)), timestep))
    return made


def minterpolate(clip: HoldOut) -> list[Picture]:
    """Use ffmpeg's motion-compensating filter; two repeated frames at the end make it finish the last pair."""
    search = f"minterpolate=fps={clip.rate}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"
    result = clip.film.with_name("minterpolate.mkv")
    filters = f"tpad=stop=2:stop_mode=clone,{search}"
    _run("ffmpeg", "-y", "-i", clip.film, "-vf", filters, "-fps_mode", "passthrough", "-c:v", "ffv1", result)
    return _frames_at(result, [index / clip.rate for index in clip.dropped], clip.read)


def ours(clip: HoldOut) -> list[Picture]:
    """Run the program itself, as its users do."""
    result = clip.film.with_name("ours.mkv")
    task = ("upsample", clip.film, result, "--factor", clip.factor, "--codec", "ffv1", "-y", "-q")
    _run(sys.executable, "-m", "ifrplus_cli", *task, *clip.options)
    return _frames_at(result, [index / clip.rate for index in clip.dropped], clip.read)


METHODS: dict[str, Callable[[HoldOut], list[Picture]]] = {
    method.__name__: method for method in (hold, blend, dis, minterpolate, ours)
}


def measure(path: Path, methods: list[str], factor: int, options: list[str], read: Reader) -> dict[str, Score]:
    """Measure each method on one clip."""
    with tempfile.TemporaryDirectory() as folder:
        clip = hold_out(path, Path(folder), factor, options, read)
        return {name: _score(clip, METHODS[name]) for name in methods}


def hold_out(path: Path, folder: Path, factor: int, options: list[str], read: Reader) -> HoldOut:
    """Encode the kept frames of a clip without loss in ``folder``; exit with a message if anything was lost."""
    frames = read(path, FRAMES)
    truth = frames[: (len(frames) - 1) // factor * factor + 1]
    if len(truth) <= factor:
        sys.exit(f"{path} has too few frames.")
    rate = Fraction(_probe(path, "stream=r_frame_rate")[0])
    film = folder / "kept.mp4"
    kept = truth[::factor]
    thin_out = f"select=not(mod(n\\,{factor})),setpts=N*{factor}/({rate})/TB"
    clock = ("-vf", thin_out, "-r", rate / factor, "-frames:v", len(kept))
    _run("ffmpeg", "-y", "-i", path, "-map", "0:v:0", *clock, "-c:v", "libx264", "-preset", "veryfast", "-qp", 0, film)
    if not np.array_equal(read(film, None), kept):
        sys.exit(f"The kept frames of {path} did not survive encoding unchanged.")
    return HoldOut(truth, film, rate, factor, options, read)


def read_by_ffmpeg(path: Path, count: int | None) -> list[Picture]:
    """Return the first ``count`` pictures of a film, or all of them, as ffmpeg converts them."""
    width, height = (int(size) for size in _probe(path, "stream=width,height"))
    limit = () if count is None else ("-frames:v", count)
    raw = ("-fps_mode", "passthrough", *limit, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    samples = np.frombuffer(_run("ffmpeg", "-i", path, "-map", "0:v:0", *raw), np.uint8)
    return list(samples.reshape(-1, height, width, 3))


def read_by_program(path: Path, count: int | None) -> list[Picture]:
    """Do the same with the program's conversion, which ``ifrplus check`` uses."""
    clip = probe(path)
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with decode(clip) as decoder:
        return [as_codes(convert.to_rgb(frame.planes)) for frame in islice(decoder, count)]


READERS = {"ffmpeg": read_by_ffmpeg, "ifrplus": read_by_program}


def _frames_at(path: Path, moments: list[Fraction], read: Reader) -> list[Picture]:
    """Return the pictures of a film that are nearest to the moments, in seconds."""
    times = [Fraction(text) for text in _probe(path, "frame=best_effort_timestamp_time")]
    pictures = read(path, None)
    if len(times) != len(pictures):
        sys.exit(f"{path} has {len(times)} times for {len(pictures)} pictures.")
    return [min(zip(times, pictures, strict=True), key=lambda frame: abs(frame[0] - moment))[1] for moment in moments]


def _score(clip: HoldOut, method: Callable[[HoldOut], list[Picture]]) -> Score:
    started = time.perf_counter()
    made = method(clip)
    seconds = time.perf_counter() - started
    found = [
        (clip.between(index)[2], psnr(picture, clip.truth[index]))
        for index, picture in zip(clip.dropped, made, strict=True)
    ]
    by_timestep = {t: fmean(value for at, value in found if at == t) for t in sorted({at for at, _ in found})}
    return Score(fmean(value for _, value in found), by_timestep, seconds)


def _mix(left: Picture, right: Picture, timestep: float) -> Picture:
    return cv2.addWeighted(left, 1 - timestep, right, timestep, 0)


def _flow(source: Picture, target: Picture) -> npt.NDArray[np.float32]:
    matcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return matcher.calc(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY), cv2.cvtColor(target, cv2.COLOR_RGB2GRAY), None)


def _warp(picture: Picture, flow: npt.NDArray[np.float32]) -> Picture:
    height, width = flow.shape[:2]
    places = flow + np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    return cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _probe(path: Path, entries: str) -> list[str]:
    flags = ("-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0")
    return _run("ffprobe", *flags, path).decode().replace(",", " ").split()


def _run(program: str, *arguments: object) -> bytes:
    """Return the standard output of a program; if it fails, exit with its error output."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{program} failed:\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def _table(scores: dict[str, dict[str, Score]], methods: list[str]) -> str:
    """Format the PSNR of each clip and method, then the means over the clips."""
    rows = [("", *methods)]
    rows += [(clip, *(f"{score[name].psnr:.2f}" for name in methods)) for clip, score in scores.items()]
    means = _means(scores, methods)
    rows.append(("mean PSNR, dB", *(f"{means[name].psnr:.2f}" for name in methods)))
    timesteps = means[methods[0]].psnr_at
    for t in timesteps if len(timesteps) > 1 else ():
        rows.append((f"at {t:g}", *(f"{means[name].psnr_at[t]:.2f}" for name in methods)))
    rows.append(("mean seconds", *(f"{means[name].seconds:.2f}" for name in methods)))
    label = max(len(row[0]) for row in rows)
    return "\n".join(f"{row[0]:{label}}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows)


def _means(scores: dict[str, dict[str, Score]], methods: list[str]) -> dict[str, Score]:
    def mean(name: str) -> Score:
        of_clips = [score[name] for score in scores.values()]
        by_timestep = {t: fmean(score.psnr_at[t] for score in of_clips) for t in of_clips[0].psnr_at}
        return Score(fmean(score.psnr for score in of_clips), by_timestep, fmean(score.seconds for score in of_clips))

    return {name: mean(name) for name in methods}


def _json(scores: dict[str, dict[str, Score]], methods: list[str]) -> str:
    def plain(score: dict[str, Score]) -> dict[str, dict[str, float]]:
        return {name: vars(score[name]) for name in methods}

    clips = {clip: plain(score) for clip, score in scores.items()}
    return json.dumps({"mean": plain(_means(scores, methods)), "clips": clips}, indent=2)


def _method_names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(METHODS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(METHODS)}")
    return names


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return this tool's arguments, and those after ``--``."""
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("--methods", type=_method_names, default=list(METHODS), help="comma-separated")
    parser.add_argument("--factor", type=int, choices=(2, 4), default=2)
    parser.add_argument("--rgb", choices=tuple(READERS), default="ffmpeg", help="converter of pictures to RGB")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser.parse_args(words[:end]), words[end + 1 :]


def main() -> None:
    """Measure every clip of the folder and print one table."""
    arguments, options = _arguments()
    paths = sorted(path for path in arguments.clips.iterdir() if path.suffix in CLIP_SUFFIXES)
    if not paths:
        sys.exit(f"There are no clips in {arguments.clips}.")
    scores = {}
    for path in paths:
        sys.stderr.write(f"{path.name}\n")
        scores[path.stem] = measure(path, arguments.methods, arguments.factor, options, READERS[arguments.rgb])
    report = _json if arguments.json else _table
    print(report(scores, arguments.methods))


if __name__ == "__main__":
    main()
