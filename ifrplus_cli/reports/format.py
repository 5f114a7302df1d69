"""Format times and plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

APART = 1.0  # seconds; a moment closer to the one before it is listed with it
LISTED = 6  # most moments and spans that are listed


def clock(seconds: float) -> str:
    """Format a time code, h:mm:ss.ss."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest / 100:05.2f}"


def moments_text(seconds: Iterable[float]) -> str:
    """List time codes of moments in order; those that follow each other closely become one, or a span."""
    spans: list[tuple[float, float]] = []
    for moment in seconds:
        if spans and moment - spans[-1][1] < APART:
            spans[-1] = spans[-1][0], moment
        else:
            spans.append((moment, moment))
    more = f" and {len(spans) - LISTED} more" if len(spans) > LISTED else ""
    return ", ".join(_span_text(*span) for span in spans[:LISTED]) + more


def _span_text(first: float, last: float) -> str:
    return clock(first) if last - first < APART else f"{clock(first)} to {clock(last)}"


def clock_time(seconds: float) -> str:
    """Format a time as h:mm:ss, or as m:ss below an hour."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def readable(facts: Mapping[str, object]) -> dict[str, str]:
    """Return plain data as names and texts, without empty values."""
    return {name.replace("_", " "): _words(value) for name, value in facts.items() if value not in ([], {}, None)}


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {word}" for name, word in value.items() if word is not None) or "not stated"
    if isinstance(value, list):
        return "; ".join(_words(item) for item in value)
    return str(value)
