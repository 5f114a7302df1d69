"""Remember what was last found in images, which two neighbouring pairs share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ifrplus_cli.values import Image

Found = TypeVar("Found")


class Recent(Generic[Found]):
    """What was found in the last few images, which are recognised by identity and must not be changed.

    Several threads may look for something at the same time; then it may be found twice.

    Args:
        most: how many findings are remembered.
    """

    def __init__(self, most: int) -> None:
        self._known: deque[tuple[tuple[Image, ...], Found]] = deque(maxlen=most)

    def of(self, *images: Image, find: Callable[[], Found]) -> Found:
        """Return what was found in these images, in this order, before; otherwise find it now."""
        for known, found in list(self._known):  # a copy: another thread may add to it
            if all(one is other for one, other in zip(known, images, strict=True)):
                return found
        found = find()
        self._known.append((images, found))
        return found
