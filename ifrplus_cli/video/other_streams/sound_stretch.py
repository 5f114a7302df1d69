"""Choose the ffmpeg filter that stretches sound with its pitch kept, and measure how early sound begins behind it.

Both filters stretch a window of sound at a time, so what is in it begins too early: by a time that depends on the
filter, its version, the sample rate and the tempo. That time is measured, on beeps.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from ifrplus_cli.errors import MediaToolError
from ifrplus_cli.video.ffmpeg import INSTALL_HINT, find_tool

STEP = Fraction(1, 2)  # tempo of one filter: atempo goes no lower, and rubberband smears less in steps of it
BEEPS = (0.6, 1.27, 1.81, 2.43, 3.08)  # when they begin, in seconds
BEEP = 0.03  # seconds, of a tone of 1 kHz
TAIL = 2  # seconds of silence behind sound that is stretched: the filters keep back what they hear last
NEAR = 0.25  # seconds of the source around a beep's beginning in which it is looked for
HEARD = (0.1, 0.3)  # of its loudest moment: a sound begins between the two


@dataclass(frozen=True)
class StretchFilter:
    """A filter that stretches sound.

    Attributes:
        filter: in ffmpeg's terms.
        early: seconds of the source by which sound begins too early behind it.
    """

    filter: str
    early: float


def stretch_filter(stretch: Fraction, rate: int) -> StretchFilter:
    """Return the filter for sound of ``rate`` samples a second that shall last ``stretch`` times as long."""
    stretcher = find_stretcher()
    return StretchFilter(tempo_filter(stretch, stretcher), begins_early(stretch, stretcher, rate))


@cache
def find_stretcher() -> str:
    """Return the better one of ffmpeg's two filters that stretch sound, if it is built in, or the other one."""
    command = [find_tool("ffmpeg"), "-hide_banner", "-h", "filter=rubberband"]
    options = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    return "rubberband" if "tempo" in options else "atempo"


def tempo_filter(stretch: Fraction, stretcher: str) -> str:
    """Return the filters, joined to one, that make sound last ``stretch`` times as long."""
    steps, rest = [], 1 / stretch
    while rest <= STEP:
        steps.append(STEP)
        rest /= STEP
    if rest < 1:
        steps.append(rest)
    step_filter = _rubberband if stretcher == "rubberband" else _atempo
    return ",".join(step_filter(step) for step in steps)


def _atempo(tempo: Fraction) -> str:
    return f"atempo={float(tempo):.9f}"


def _rubberband(tempo: Fraction) -> str:
    # A longer window would smear what begins suddenly over twice the time. At half the tempo transients come out
    # undamaged without being treated apart, which would shift what is between them.
    transients = "smooth" if tempo == STEP else "crisp"
    return f"rubberband=tempo={float(tempo):.9f}:pitchq=quality:channels=together:window=short:transients={transients}"


@cache
def begins_early(stretch: Fraction, stretcher: str, rate: int) -> float:
    """Measure how early a sound begins behind the filter, in seconds of the source: the median of some beeps.

    Args:
        rate: samples a second.

    Raises:
        MediaToolError: if ffmpeg can't stretch sound.
    """
    times = np.arange(round((BEEPS[-1] + TAIL) * rate)) / rate
    beeps = 0.5 * np.sin(2000 * np.pi * times) * sum((times >= at) & (times < at + BEEP) for at in BEEPS)
    command = [find_tool("ffmpeg"), "-v", "error", "-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0"]
    command += ["-af", tempo_filter(stretch, stretcher), "-f", "f32le", "pipe:1"]
    done = subprocess.run(command, input=beeps.astype(np.float32).tobytes(), capture_output=True, check=False)
    heard = np.abs(np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], np.float32))
    if done.returncode != 0 or not heard.size:
        hint = INSTALL_HINT.format(variable="IFRPLUS_FFMPEG")
        raise MediaToolError(f"ffmpeg can't stretch sound with {stretcher}.", hint)
    # atempo repeats pieces of the sound, so that what begins does so more than once: only its middle is one moment.
    find = _begin if stretcher == "rubberband" else _begin_by_middle
    return float(np.median([at - find(heard, at, float(stretch), rate) for at in BEEPS]))


def _near(heard: np.ndarray, at: float, longer: float, rate: int) -> tuple[int, np.ndarray]:
    """Return the number of the first sample around a moment of the source, and the samples."""
    first, behind = (max(0, round((at + side * NEAR) * longer * rate)) for side in (-1, 1))
    return first, heard[first:behind]


def _begin(heard: np.ndarray, at: float, longer: float, rate: int) -> float:
    """Return when the beep that was at ``at`` begins, in seconds of the source."""
    first, near = _near(heard, at, longer, rate)
    begins = [np.flatnonzero(near > share * near.max())[0] for share in HEARD]
    return float(first + np.mean(begins)) / rate / longer


def _begin_by_middle(heard: np.ndarray, at: float, longer: float, rate: int) -> float:
    """Return the moment half a beep before the middle of its energy, in seconds of the source."""
    first, near = _near(heard, at, longer, rate)
    middle = float((np.arange(len(near)) * near**2).sum() / (near**2).sum())
    return (first + middle) / rate / longer - BEEP / 2
