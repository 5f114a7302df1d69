"""The request for a film, in the terms of the command line; imports nothing slow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ifrplus_cli.errors import UsageError
from ifrplus_cli.network.request import Choices, NetworkRequest, Ranges, check_values, option_of

if TYPE_CHECKING:
    from ifrplus_cli.video.reading.trim import Moment

Audio = Literal["stretch", "drop", "keep"]
Deinterlace = Literal["bob", "bwdif", "ivtc", "off"]
Duplicates = Literal["keep", "smooth"]
CutFill = Literal["hold", "blend"]
Purpose = Literal["web", "archive", "edit", "social"]

CHOICES: Choices = {
    "audio": get_args(Audio),
    "deinterlace": get_args(Deinterlace),
    "duplicates": get_args(Duplicates),
    "cut_fill": get_args(CutFill),
    "purpose": get_args(Purpose),
}
RANGES: Ranges = {
    "factor": (1, 64),
    "fps": (1, 1000),
    "input_fps": (1, 1000),
    "cut_threshold": (0, 1),
    "crf": (0, 63),
    "preview": (0.5, 60),
}
LOCAL_CLUSTER = re.compile(r"local(?::([1-9]\d{0,3}))?")
SCHEDULER = re.compile(r"(tcp|tls|ws|wss)://[^/\s]+:\d+")
MAX_RATE_DENOMINATOR = 10_000
RATE_NAMES = {
    "film": Fraction(24),
    "ntsc-film": Fraction(24000, 1001),
    "pal": Fraction(25),
    "ntsc": Fraction(30000, 1001),
}
NOT_WITH_PREVIEW = ("report", "resume", "cuts_out", "dry_run")


@dataclass(frozen=True)
class UpsampleRequest(NetworkRequest):
    """All that a person can ask of ``upsample``; None leaves the choice to the program.

    Attributes:
        factor: output frames for each source frame, above 1; 2 by default.
        fps: constant output rate in frames per second, instead of a factor.
        input_fps: frame rate of an image sequence.
        slow_motion: keep the source's rate; the film lasts ``factor`` times as long.
        loop: make the frames from the last one back to the first, too, for a film that is repeated.
        audio: what happens to the sound in slow motion.
        start, end: the section of the film to use, in seconds or as a frame number.
        deinterlace: deinterlacing of an interlaced film: ``bob`` (a frame of each field), ``bwdif``, ``ivtc`` (inverse
            telecine) or ``off``.
        duplicates: keep repeated frames, or interpolate across them (``smooth``).
        cuts: detect cuts, and hold frames across them.
        cut_threshold: score, 0 to 1, above which two frames count as a cut.
        cuts_in: JSON list of the cuts, instead of detection.
        cuts_out: JSON file to write the cuts to.
        cut_fill: what fills the gap at a cut: the frame before it, or a blend.
        purpose: encoder settings by use, ``--for`` on the command line.
        codec: ffmpeg encoder.
        crf: encoder quality, 0 to 63; lower is better.
        preset: encoder preset.
        pix_fmt: pixel format of the output.
        encoder_args: extra encoder options as pairs of name and value.
        overwrite: replace an existing output.
        resume: continue an interrupted run.
        report: HTML file for a report on the run.
        preview: write a preview of this many seconds instead of the film.
        dry_run: only plan the run, and estimate its cost.
        cluster: workers that make the film: ``local``, ``local:N`` or the address of a Dask scheduler.
        ship: send the workers pieces of the source, which they can't reach under the same path.

    Raises:
        UsageError: if values contradict each other, or one is not among those possible.
    """

    factor: Fraction | None = None
    fps: Fraction | None = None
    input_fps: Fraction | None = None
    slow_motion: bool = False
    loop: bool = False
    audio: Audio = "stretch"
    start: Moment | None = None
    end: Moment | None = None
    deinterlace: Deinterlace | None = None
    duplicates: Duplicates = "keep"
    cuts: bool = True
    cut_threshold: float | None = None
    cuts_in: Path | None = None
    cuts_out: Path | None = None
    cut_fill: CutFill = "hold"
    purpose: Purpose | None = None
    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    encoder_args: tuple[tuple[str, str], ...] = ()
    overwrite: bool = False
    resume: bool = False
    report: Path | None = None
    preview: float | None = None
    dry_run: bool = False
    cluster: str | None = None
    ship: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, CHOICES, RANGES)
        beyond_preview = any(getattr(self, name) for name in NOT_WITH_PREVIEW)
        if self.cluster and not LOCAL_CLUSTER.fullmatch(self.cluster) and not SCHEDULER.fullmatch(self.cluster):
            raise UsageError("--cluster", f"{self.cluster} is not local, local:N or an address, tcp://host:8786.")
        others = ", ".join(map(option_of, NOT_WITH_PREVIEW))
        contradictions = (
            (self.factor == 1, "factor", "the factor must be above 1."),
            (isinstance(self.start, Real) and self.start < 0, "start", "the film has nothing before its first frame."),
            (isinstance(self.end, Real) and self.end < 0, "end", "the film has nothing before its first frame."),
            (self.slow_motion and self.fps, "fps", "--slow-motion keeps the rate: use --factor, not --fps."),
            (self.factor and self.fps, "fps", "--factor and --fps can't be combined."),
            (self.cuts_in and not self.cuts, "cuts_in", "--cuts-in and --no-cuts can't be combined."),
            (self.cut_threshold is not None and not self.cuts, "cut_threshold", "--no-cuts detects none."),
            (self.cut_threshold is not None and self.cuts_in, "cut_threshold", "--cuts-in detects none."),
            (self.audio != "stretch" and not self.slow_motion, "audio", "it is for --slow-motion."),
            (self.dry_run and self.report, "report", "--dry-run writes no file."),
            (self.dry_run and self.cuts_out, "cuts_out", "--dry-run writes no file."),
            (self.ship and not self.cluster, "ship", "it is for --cluster."),
            (self.preview and beyond_preview, "preview", f"it can't be combined with {others}."),
        )
        for found, name, why in contradictions:
            if found:
                raise UsageError(option_of(name), why)


def encoder_arg_of(text: str) -> tuple[str, str]:
    """Return name and value of an option of an encoder, KEY=VALUE.

    Raises:
        ValueError: with a sentence, if it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+=.*", text):
        raise ValueError(f"{text} is not of the form KEY=VALUE.")
    name, _, value = text.partition("=")
    return name.lstrip("-"), value


def rate_of(text: str) -> Fraction:
    """Return the frame rate that a name, a fraction or a decimal means.

    A rounded NTSC rate such as 23.976 means the exact one, 24000/1001.

    Raises:
        ValueError: with a sentence, if it is none, or out of range.
    """
    if text.lower() in RATE_NAMES:
        return RATE_NAMES[text.lower()]
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        named = ", ".join(RATE_NAMES)
        raise ValueError(f"{text} is not a frame rate; use 60, 59.94, 60000/1001, or {named}.") from None
    least, most = RANGES["fps"]
    if not least <= rate <= most or rate.denominator > MAX_RATE_DENOMINATOR:
        raise ValueError(f"the frame rate must be from {least} to {most}, with a short fraction.")
    places = len(text.partition(".")[2])
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return ntsc if places >= 2 and round(ntsc, places) == rate else rate
