"""Encoder settings by the use of a film, as people in that trade expect them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.errors import OutputError
from ifrplus_cli.pixel_formats import Chroma
from ifrplus_cli.values import ClipInfo

SOCIAL_SIZE = 50_000_000  # bytes: the limit of the strictest of the usual services
SOUND_RATE = 256_000  # bits per second that are left for sound
ROOM = Fraction(9, 10)  # share of the limit that is planned for, because rate control is not exact
LOWEST_RATE = 200_000  # bits per second; below it the picture would be too bad
HIGHEST_RATE = 20_000_000
PRORES_HQ, PRORES_4444 = "3", "4"


@dataclass(frozen=True)
class Settings:
    """Encoder, its options, and the pixel format to store; None leaves it to the program."""

    codec: str
    crf: float | None = None
    pix_fmt: str | None = None
    encoder_args: tuple[tuple[str, str], ...] = ()


def settings_for(purpose: str, clip: ClipInfo, output: Path, duration: Fraction, codec: str | None) -> Settings:
    """Return the settings for ``web``, ``archive``, ``edit`` or ``social``.

    Args:
        duration: length of the output in seconds.
        codec: encoder that was requested besides the purpose; ``dnxhd`` replaces ProRes.

    Raises:
        OutputError: if the output's name, the film's length or its samples do not suit the purpose.
    """
    suffixes, make = PURPOSES[purpose]
    if output.suffix.lower() not in suffixes:
        raise OutputError(f"--for {purpose} can't write {output.suffix or output.name}.", f"Use {suffixes[0]}.")
    return make(clip, duration, codec)


def _web(clip: ClipInfo, duration: Fraction, codec: str | None) -> Settings:
    return Settings("libx264", 18, "yuv420p")


def _archive(clip: ClipInfo, duration: Fraction, codec: str | None) -> Settings:
    # Every frame a key frame, with checksums: what archives ask of FFV1 (RFC 9043).
    return Settings("ffv1", encoder_args=(("level", "3"), ("g", "1"), ("slicecrc", "1")))


def _edit(clip: ClipInfo, duration: Fraction, codec: str | None) -> Settings:
    rich = clip.pixel_format.chroma in (Chroma.C444, Chroma.RGB)
    if codec == "dnxhd":
        deep = rich or clip.pixel_format.depth > 8
        profile = "dnxhr_444" if rich else "dnxhr_hqx" if deep else "dnxhr_hq"
        pix_fmt = "yuv444p10le" if rich else "yuv422p10le" if deep else "yuv422p"
        return Settings("dnxhd", None, pix_fmt, (("profile", profile),))
    profile = PRORES_4444 if rich else PRORES_HQ
    known = (("profile", profile), ("vendor", "apl0"))
    if clip.pixel_format.alpha:
        return Settings("prores_ks", None, "yuva444p10le", (("profile", PRORES_4444), ("vendor", "apl0")))
    return Settings("prores_ks", None, "yuv444p10le" if rich else "yuv422p10le", known)


def _social(clip: ClipInfo, duration: Fraction, codec: str | None) -> Settings:
    rate = min(HIGHEST_RATE, int(SOCIAL_SIZE * 8 * ROOM / duration) - SOUND_RATE)
    if rate < LOWEST_RATE:
        raise OutputError(
            f"{float(duration) / 60:.0f} minutes do not fit into {SOCIAL_SIZE // 10**6} MB.",
            "Choose a part with --start and --end, or --for web.",
        )
    return Settings("libx264", 21, "yuv420p", (("maxrate", str(rate)), ("bufsize", str(rate))))


PURPOSES: dict[str, tuple[tuple[str, ...], Callable[[ClipInfo, Fraction, str | None], Settings]]] = {
    "web": ((".mp4", ".m4v", ".mov"), _web),
    "archive": ((".mkv",), _archive),
    "edit": ((".mov",), _edit),
    "social": ((".mp4", ".m4v"), _social),
}
