"""Which of a film's tags another file lacks."""

from __future__ import annotations

from collections.abc import Mapping

# What describes the source's own file, and is stated of every file for itself.
OF_THE_FILE = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode", "creation_time",
    "vendor_id", "handler_name", "writing_application", "muxing_application", "variant_bitrate",
}  # fmt: skip


def lost_tags(source: Mapping[str, str], result: Mapping[str, str]) -> dict[str, str]:
    """The tags of the source whose names the result does not have; case does not matter.

    ffmpeg repeats a tag with its language, such as ``location-eng``.
    """
    known = {name.lower() for name in result} | OF_THE_FILE
    own = {name.lower() for name in source}

    def is_lost(name: str) -> bool:
        plain = name.rpartition("-")[0]
        return name not in known and not name.startswith("_statistics") and not (plain in own and plain in known)

    return {name: text for name, text in source.items() if text and is_lost(name.lower())}
