"""SMPTE timecode: the name of a film's first frame, at another place and another rate (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from ifrplus_cli.description import TimecodeTag
from ifrplus_cli.values import ClipInfo

MOST_FRAMES = 255  # a second, in mov's timecode track
FRAMES_OF_DROP = 30  # a second of the rates whose numbers are left out, or a multiple of it


@dataclass(frozen=True)
class Timecode:
    """Hours, minutes, seconds and frames.

    Attributes:
        frame: number of the frame, counted from 00:00:00:00.
        base: frame numbers a second.
        drop: whether two numbers in thirty are left out in each minute but every tenth.
        reel: name of the tape or card, where there is one.
    """

    frame: int
    base: int
    drop: bool
    reel: str | None = None

    @property
    def text(self) -> str:
        """As ffmpeg writes it: ``01:00:00:00``, with a semicolon for drop-frame."""
        seconds, frames = divmod(self._number, self.base)
        hours, minutes = seconds // 3600, seconds // 60 % 60
        return f"{hours:02}:{minutes:02}:{seconds % 60:02}{';' if self.drop else ':'}{frames:02}"

    @property
    def _left_out(self) -> int:
        """Numbers that are left out in a minute."""
        return 2 * self.base // FRAMES_OF_DROP if self.drop else 0

    @property
    def _number(self) -> int:
        """Of the frame, counted with those numbers that are left out; it starts again each day."""
        ten_minutes, minute = 600 * self.base - 9 * self._left_out, 60 * self.base - self._left_out
        tens, rest = divmod(self.frame % (144 * ten_minutes), ten_minutes)
        minutes = max(0, rest - self._left_out) // minute
        return self.frame % (144 * ten_minutes) + self._left_out * (9 * tens + minutes)

    def later(self, frames: int) -> Timecode:
        """Of the frame that comes so many later."""
        return replace(self, frame=self.frame + frames)

    def at_rate(self, rate: Fraction) -> Timecode:
        """Of the same moment where ``rate`` frames a second are counted."""
        base = round(rate)
        drop = self.drop and base % FRAMES_OF_DROP == 0 and rate < base  # 60000/1001, but not 60
        whole, frames = divmod(self._number, self.base)
        return numbered(whole, frames * base // self.base, base, drop=drop, reel=self.reel)


def numbered(seconds: int, frames: int, base: int, *, drop: bool, reel: str | None = None) -> Timecode:
    """From what is shown: whole seconds and frames."""
    left_out = 2 * base // FRAMES_OF_DROP if drop else 0
    minutes = seconds // 60
    return Timecode(seconds * base + frames - left_out * (minutes - minutes // 10), base, drop, reel)


def first_timecode(clip: ClipInfo, rate: Fraction) -> Timecode | None:
    """Of the first frame that is used of a clip, where the output has ``rate`` frames a second.

    None where the clip has none, or more frames are shown in a second than a timecode can count.
    """
    tag, section = clip.description.timecode, clip.section
    own = tag and parse_timecode(tag)
    if not tag or not own or round(rate) > MOST_FRAMES:
        return None
    passed = section.begin - section.film_start if section else Fraction(0)
    return own.later(round(passed * tag.rate)).at_rate(rate)


def parse_timecode(tag: TimecodeTag) -> Timecode | None:
    """From ``hh:mm:ss:ff``, or with a semicolon or full stop before the frames where numbers are dropped."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d)([:;.])(\d+)", tag.text.strip())
    base = round(tag.rate)
    if not found or base < 1 or int(found[5]) >= base:
        return None
    drop = found[4] != ":" and base % FRAMES_OF_DROP == 0
    seconds = 3600 * int(found[1]) + 60 * int(found[2]) + int(found[3])
    return numbered(seconds, int(found[5]), base, drop=drop, reel=tag.reel)
