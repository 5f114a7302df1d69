"""OpenCV's threads in a run."""

from __future__ import annotations

import cv2
import pytest

from ifrplus_cli.frames.opencv_threads import opencv_threads


def test_they_are_limited_and_as_before_afterwards() -> None:
    before = cv2.getNumThreads()
    with opencv_threads(1):
        assert cv2.getNumThreads() == 1
        with pytest.raises(RuntimeError), opencv_threads(3):
            assert cv2.getNumThreads() == 3
            raise RuntimeError
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before


def test_runs_that_overlap_leave_it_as_before_the_first() -> None:
    before = cv2.getNumThreads()
    first, second = opencv_threads(before + 1), opencv_threads(before + 2)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == before + 2
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == before
