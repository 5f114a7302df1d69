"""How times are written."""

from __future__ import annotations

from collections.abc import Iterable

APART = 1.0  # seconds between two moments that are told by themselves
TOLD = 6  # moments that are told at most


def clock(seconds: float) -> str:
    """A time code, h:mm:ss.ss."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest / 100:05.2f}"


def moments_text(seconds: Iterable[float]) -> str:
    """Time codes of moments in order; those that follow closely on one that is told are left out."""
    told: list[float] = []
    last = -APART
    for moment in seconds:
        if moment - last >= APART:
            told.append(moment)
        last = moment
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return ", ".join(map(clock, told[:TOLD])) + more


def clock_time(seconds: float) -> str:
    """h:mm:ss, or m:ss below an hour."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
