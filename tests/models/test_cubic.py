"""Bicubic sampling, against the weights of Keys's kernel."""

from __future__ import annotations

import mindspore as ms
import numpy as np

from ifrplus_cli.models.cubic import sample_cubic


def test_cubic_sampling_hits_pixels_and_repeats_edges() -> None:
    draw = np.random.default_rng(6)
    image = draw.random((2, 3, 9, 11), np.float32)
    x = np.float32([[[-50, 0, 4.5, 10, 70]]]).repeat(2, 0)
    y = np.float32([[[3, -2, 4, 8, 90]]]).repeat(2, 0)
    sampled = sample_cubic(*(ms.Tensor(array) for array in (image, x, y))).asnumpy()
    for place, (column, row) in enumerate(((0, 3), (0, 0), (None, 4), (10, 8), (10, 8))):
        if column is not None:
            np.testing.assert_allclose(sampled[:, :, 0, place], image[:, :, row, column], atol=1e-6)
    between = image[:, :, 4, 3:7] @ np.float32([-0.09375, 0.59375, 0.59375, -0.09375])
    np.testing.assert_allclose(sampled[:, :, 0, 2], between, atol=1e-5)
