"""Turn filled slots into output frames: untouched source frames, made frames, and held or mixed frames at cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import cv2
import numpy as np

from ifrplus_cli.frames.colour import Converter
from ifrplus_cli.pipeline.filler import FilledSlot
from ifrplus_cli.values import Frame, Pair, PairKind, Plane

Mix = Callable[[Pair, Fraction], tuple[Plane, ...]]


def frames_of(filled: FilledSlot, mix: Mix | None = None) -> Iterator[Frame]:
    """Yield the wanted output frames of a slot.

    Args:
        mix: mixes the frames on both sides of a cut; None to hold the left one.
    """
    slot, made = filled.slot, iter(filled.made)
    for tick in slot.wanted:
        if tick.t == 0 or slot.pair is None:
            yield Frame(tick.pts, slot.frame.planes)
        elif slot.pair.kind is PairKind.MOTION:
            yield Frame(tick.pts, next(made))
        elif slot.pair.kind is PairKind.CUT and mix is not None:
            yield Frame(tick.pts, mix(slot.pair, tick.t))
        else:
            yield Frame(tick.pts, slot.frame.planes)


def mixer(convert: Converter) -> Mix:
    """Return a function that mixes the frames of a pair; with alpha, colours are weighted by their opacity."""

    def mixed(pair: Pair, t: Fraction) -> tuple[Plane, ...]:
        share, planes = float(t), zip(pair.left.planes, pair.right.planes, strict=True)
        return tuple(np.asarray(cv2.addWeighted(left, 1 - share, right, share, 0)) for left, right in planes)

    def mixed_with_alpha(pair: Pair, t: Fraction) -> tuple[Plane, ...]:
        share = float(t)
        image, alpha = (
            cv2.addWeighted(layer(pair.left.planes), 1 - share, layer(pair.right.planes), share, 0)
            for layer in (convert.to_rgb, convert.alpha_as_rgb)
        )
        return convert.to_planes(image, alpha)

    return mixed_with_alpha if convert.pixel_format.alpha else mixed
