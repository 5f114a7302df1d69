"""Published figures of networks on the benchmarks of frame interpolation.

IFR+: documentation of MindEditing (``docs/ifr_plus.md``). IFRNet: Kong et al., "IFRNet: intermediate feature refine
network for efficient frame interpolation", CVPR 2022, table 1; most later papers quote them too. Middlebury is
missing: papers give another figure for it, the interpolation error.
"""

from __future__ import annotations

from dataclasses import dataclass

CHANNELS, VOLUME = "ssim_channels", "ssim_volume"


@dataclass(frozen=True)
class PublishedFigure:
    """A mean over a benchmark.

    Attributes:
        layout, group: of the data set.
        psnr: in dB.
        ssim: None if it is unknown.
        ssim_kind: which of the two SSIM measures it is.
    """

    network: str
    layout: str
    group: str
    psnr: float
    ssim: float | None
    ssim_kind: str


def _ifrnet(name: str, layout: str, *figures: tuple[str, float, float | None]) -> tuple[PublishedFigure, ...]:
    return tuple(PublishedFigure(name, layout, group, psnr, ssim, VOLUME) for group, psnr, ssim in figures)


PUBLISHED = (
    PublishedFigure("IFR+", "vimeo-triplet", "", 36.54, 0.9710, CHANNELS),
    *_ifrnet("IFRNet S", "vimeo-triplet", ("", 35.59, None)),
    *_ifrnet("IFRNet", "vimeo-triplet", ("", 35.80, 0.9794)),
    *_ifrnet("IFRNet L", "vimeo-triplet", ("", 36.20, 0.9808)),
    *_ifrnet("IFRNet", "ucf101", ("", 35.29, 0.9693)),
    *_ifrnet("IFRNet L", "ucf101", ("", 35.42, 0.9698)),
    *_ifrnet(
        "IFRNet",
        "snu-film",
        ("easy", 40.03, 0.9905),
        ("medium", 35.94, 0.9793),
        ("hard", 30.41, 0.9358),
        ("extreme", 25.05, 0.8587),
    ),
    *_ifrnet(
        "IFRNet L",
        "snu-film",
        ("easy", 40.10, 0.9906),
        ("medium", 36.12, 0.9797),
        ("hard", 30.63, 0.9368),
        ("extreme", 25.27, 0.8609),
    ),
)
TRIPLETS = {"vimeo-triplet": 3782, "ucf101": 379, "snu-film": 1240}  # number behind the published means


def published_for(layout: str) -> tuple[PublishedFigure, ...]:
    """Return the figures on a benchmark; those on Vimeo-90K if it has none."""
    return tuple(figure for figure in PUBLISHED if figure.layout == (layout if layout in TRIPLETS else "vimeo-triplet"))
