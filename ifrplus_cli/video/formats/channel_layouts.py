"""Layouts of sound channels that encoders lack, and the nearest ones that all of them have.

ffmpeg mixes from one to the other: where only the name of a loudspeaker differs, such as side and back, its sound stays
as it is; a loudspeaker that is not there is spread over its neighbours.
"""

from __future__ import annotations

# What Opus, and with it Vorbis, can store (RFC 7845, 5.1.1.2), by ffmpeg's names.
COMMON = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
NEAREST = {
    "downmix": "stereo",
    "2.1": "5.1",
    "3.0(back)": "quad",
    "3.1": "5.1",
    "4.0": "5.0",
    "quad(side)": "quad",
    "4.1": "5.1",
    "5.0(side)": "5.0",
    "5.1(side)": "5.1",
    "6.0": "6.1",
    "6.0(front)": "7.1",
    "hexagonal": "6.1",
    "6.1(back)": "6.1",
    "6.1(front)": "7.1",
    "7.0": "7.1",
    "7.0(front)": "7.1",
}
LARGEST = "7.1"


def nearest_layout(layout: str) -> str | None:
    """The common layout that holds the most of another one; None for a common one, or one that is not known."""
    if not layout or layout in COMMON:
        return None
    return NEAREST.get(layout, LARGEST)


def layout_filter(layout: str) -> str:
    """Ffmpeg's filter that mixes sound to a layout."""
    return f"aformat=channel_layouts={layout}"
