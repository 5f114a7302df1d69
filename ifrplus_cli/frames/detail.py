"""Measure how much fine detail a picture has, and so how sharp a made frame looks beside others.

A picture whose details are blurred has less of them than its neighbours in time. Where source frames and made frames
alternate, the eye sees that as shimmer, however close each made frame is to the true one.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import cv2

from ifrplus_cli.frames.pictures import Picture

FLAT = 0.25  # detail of a picture in which there is none to see: half a code on average


@dataclass(frozen=True)
class Detail:
    """Detail of a picture, in squared 8-bit codes, or its share of that of others.

    Attributes:
        luma: variance of the Laplacian of luma.
        chroma: the sum of those of both colour differences; far above luma's share it is coloured noise.
    """

    luma: float
    chroma: float

    def share_of(self, *others: Detail) -> Detail:
        """Return detail as a share of the mean of others: 1 is as sharp, less is softer, more is invented.

        Beside pictures that are flat it is 1.
        """
        luma, chroma = fmean(other.luma for other in others), fmean(other.chroma for other in others)
        return Detail(_share(self.luma, luma), _share(self.chroma, chroma))


def detail_of(picture: Picture) -> Detail:
    """Return the detail of an RGB picture of 8 bits, H x W x 3."""
    planes = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    luma, *chroma = (cv2.meanStdDev(cv2.Laplacian(plane, cv2.CV_16S))[1].item() ** 2 for plane in planes)
    return Detail(luma, sum(chroma))


def luma_detail(picture: Picture) -> float:
    """Return the detail of the luma alone, of an RGB picture of 8 bits, H x W x 3."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1].item() ** 2


def _share(value: float, whole: float) -> float:
    return value / whole if whole > FLAT else 1.0
