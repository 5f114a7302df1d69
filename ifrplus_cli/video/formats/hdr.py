"""Light metadata of HDR films: parse ffprobe's output, and format each encoder's options.

PQ and HLG samples themselves pass through the network as they are, in their own transfer curve. This metadata
describes the display on which a film was graded, and its brightest parts (SMPTE ST 2086, CTA-861.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ClipInfo, ColourTags, ContentLight, LightInfo, MasteringDisplay

TRANSFERS = {"smpte2084", "arib-std-b67"}  # PQ and HLG
MASTERING, CONTENT_LIGHT = "Mastering display metadata", "Content light level metadata"
# Keys are ffprobe's names, in streams and in frames.
DYNAMIC = {
    "DOVI configuration record": "Dolby Vision",
    "Dolby Vision RPU Data": "Dolby Vision",
    "Dolby Vision Metadata": "Dolby Vision",
    "HDR Dynamic Metadata SMPTE2094-40 (HDR10+)": "HDR10+",
    "HDR Dynamic Metadata CUVA 005.1 2021 (Vivid)": "HDR Vivid",
}
CHROMATICITY_STEP = Fraction(1, 50_000)
LUMINANCE_STEP = Fraction(1, 10_000)  # candela per square metre


def is_hdr(colour: ColourTags) -> bool:
    """Return whether the samples follow PQ or HLG."""
    return colour.transfer in TRANSFERS


def read_light(side_data: Iterable[Mapping[str, Any]]) -> LightInfo:
    """Parse the light metadata in ffprobe's side data of a stream and its first frame; the first of a kind counts."""
    mastering = content = None
    dynamic: list[str] = []
    needs_dynamic = False
    for data in side_data:
        kind = data.get("side_data_type", "")
        if kind == MASTERING:
            mastering = mastering or _mastering(data)
        elif kind == CONTENT_LIGHT and data.get("max_content"):
            content = content or ContentLight(int(data["max_content"]), int(data["max_average"]))
        elif kind in DYNAMIC:
            dynamic.append(DYNAMIC[kind])
            needs_dynamic |= data.get("dv_bl_signal_compatibility_id") == 0
    return LightInfo(mastering, content, tuple(dict.fromkeys(dynamic)), needs_dynamic)


def check_shown_alone(clip: ClipInfo) -> None:
    """Refuse a film whose colours mean nothing without dynamic metadata, which can't be kept.

    Raises:
        InputError: for Dolby Vision of profile 5.
    """
    if clip.light.needs_dynamic:
        raise InputError(
            f"The colours of {clip.path.name} can't be shown without its Dolby Vision metadata, which would be lost.",
            "Convert it to HDR10 first.",
        )


def light_notes(light: LightInfo) -> list[str]:
    """Return notes on metadata that is lost."""
    return [
        f"The {kind} metadata is lost: it describes each source frame. The picture itself, its transfer curve and its "
        "static metadata are kept."
        for kind in light.dynamic
    ]


def light_options(codec: str, light: LightInfo) -> dict[str, str]:
    """Return the options with which an encoder writes the metadata into its stream; empty if it can't."""
    if codec == "libx265":
        return _joined("x265-params", light, "master-display", "max-cll", CHROMATICITY_STEP, LUMINANCE_STEP)
    if codec == "libx264":
        return _joined("x264-params", light, "mastering-display", "cll", CHROMATICITY_STEP, LUMINANCE_STEP)
    if codec == "libsvtav1":
        return _joined("svtav1-params", light, "mastering-display", "content-light", None, None)
    return {}


def light_faults(found: LightInfo, wanted: LightInfo) -> list[str]:
    """Compare the metadata of a finished file with the source's, allowing for rounding; return the differences."""
    faults = []
    if wanted.mastering is not None and not _alike(found.mastering, wanted.mastering):
        faults.append("its mastering display metadata differs from the source's")
    if wanted.content is not None and found.content != wanted.content:
        faults.append("its content light metadata differs from the source's")
    return faults


def _mastering(data: Mapping[str, Any]) -> MasteringDisplay | None:
    def point(name: str) -> tuple[Fraction, Fraction]:
        return Fraction(data[f"{name}_x"]), Fraction(data[f"{name}_y"])

    try:
        colours = point("red"), point("green"), point("blue"), point("white_point")
        return MasteringDisplay(*colours, Fraction(data["min_luminance"]), Fraction(data["max_luminance"]))
    except (KeyError, ValueError, ZeroDivisionError):  # a file may state only a part of it
        return None


def _joined(
    option: str,
    light: LightInfo,
    mastering: str,
    content: str,
    chromaticity: Fraction | None,
    luminance: Fraction | None,
) -> dict[str, str]:
    """Return one option of the form KEY=VALUE:KEY=VALUE; numbers count the given steps, or are decimal."""
    pairs = []
    if display := light.mastering:
        points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
        coordinates = "".join(
            f"{name}({_number_text(x, chromaticity)},{_number_text(y, chromaticity)})"
            for name, (x, y) in points.items()
        )
        brightest, darkest = (
            _number_text(display.max_luminance, luminance),
            _number_text(display.min_luminance, luminance),
        )
        pairs.append(f"{mastering}={coordinates}L({brightest},{darkest})")
    if level := light.content:
        pairs.append(f"{content}={level.max_content},{level.max_average}")
    return {option: ":".join(pairs)} if pairs else {}


def _number_text(value: Fraction, step: Fraction | None) -> str:
    return f"{float(value):.5f}" if step is None else str(round(value / step))


def _alike(found: MasteringDisplay | None, wanted: MasteringDisplay) -> bool:
    if found is None:
        return False
    points = zip(
        (*found.red, *found.green, *found.blue, *found.white),
        (*wanted.red, *wanted.green, *wanted.blue, *wanted.white),
        strict=True,
    )
    # AV1 counts luminance in 1/256 and 1/16384 candela per square metre.
    return (
        all(abs(now - before) <= 2 * CHROMATICITY_STEP for now, before in points)
        and abs(found.min_luminance - wanted.min_luminance) <= LUMINANCE_STEP
        and abs(found.max_luminance - wanted.max_luminance) <= Fraction(1, 100)
    )
