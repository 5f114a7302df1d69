"""Generated motion: the same example for the same number, with layers that move."""

from __future__ import annotations

import numpy as np

from ifrplus_cli.training.synthetic import SyntheticMotion


def test_generated_motion_is_known_and_never_ends() -> None:
    source = SyntheticMotion(96, 1)
    examples = [source.example(number) for number in range(3)]
    assert np.array_equal(examples[2].true, SyntheticMotion(96, 1).example(2).true)
    for example in examples:
        assert example.true.shape == (160, 160, 3)
        assert 0 < example.t < 1
        assert np.abs(example.flows[4:] - example.flows[:4]).mean() < 12
        assert (example.left != example.right).any()


def test_other_seeds_make_other_examples() -> None:
    one, other = (SyntheticMotion(64, seed).example(0).true for seed in (1, 2))
    assert (one != other).any()
