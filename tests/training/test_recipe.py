"""Recipes: the published figures, what may be changed, and the learning rate."""

from __future__ import annotations

import pytest

from ifrplus_cli.errors import InputError
from ifrplus_cli.training.recipe import LOSSES, RECIPES, changed, learning_rate


def test_the_published_recipe_is_the_published_one() -> None:
    recipe = RECIPES["published"]
    assert (recipe.batch, recipe.crop, recipe.rate, recipe.last_rate, recipe.weight_decay) == (6, 224, 1e-4, 1e-6, 1e-2)
    assert recipe.losses.used == {"charbonnier": 1.0, "frequency": 1.0, "distillation": 0.00178}
    assert recipe.steps == pytest.approx(100 * 51_312 / (4 * 6), rel=1e-4)
    chances = recipe.augmentation
    assert (chances.enlarge, chances.vertical, chances.horizontal, chances.transpose) == (0.1, 0.3, 0.5, 0.05)
    assert (chances.channels, chances.backwards) == (0.5, 0.5)


def test_the_rate_rises_and_falls() -> None:
    recipe = RECIPES["small"]
    rates = [learning_rate(recipe, step, step / 10_000) for step in range(10_001)]
    assert rates[0] == pytest.approx(recipe.rate / recipe.warm_up)
    assert max(rates) == pytest.approx(recipe.rate, rel=0.01)
    assert rates.index(max(rates)) == recipe.warm_up - 1
    assert rates[-1] == pytest.approx(recipe.last_rate)


def test_the_warm_up_of_a_short_run_ends_after_a_tenth() -> None:
    recipe = RECIPES["small"]
    rates = [learning_rate(recipe, step, step / 50) for step in range(50)]
    assert rates.index(max(rates)) == 5


def test_good_weights_are_trained_at_a_lower_rate() -> None:
    small, fine = RECIPES["small"], RECIPES["fine-tune"]
    assert fine.rate < small.rate / 10
    assert fine.losses == small.losses


def test_figures_and_losses_can_be_replaced() -> None:
    recipe = changed(RECIPES["small"], losses=["flow=0", "charbonnier=2"], steps=7, batch=3, rate=None, perceptual=True)
    assert (recipe.steps, recipe.minutes, recipe.batch, recipe.rate) == (7, None, 3, RECIPES["small"].rate)
    assert recipe.losses.used == {"charbonnier": 2.0, "perceptual": 0.1, "laplacian": 1.0, "energy": 1.0}
    assert changed(RECIPES["published"], losses=[], minutes=5).steps is None


def test_a_low_rate_falls_as_any_other() -> None:
    recipe = changed(RECIPES["fine-tune"], losses=[], rate=1e-7)
    assert learning_rate(recipe, 10_000, 1.0) == pytest.approx(2e-9)
    assert learning_rate(recipe, 10_000, 0.5) < 1e-7


@pytest.mark.parametrize("pair", ["flow", "flow=", "flow=x", "flow=-1", "flow=inf", "flow=nan", "other=1"])
def test_an_invalid_loss_weight_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="is not a loss weight") as error:
        changed(RECIPES["small"], losses=[pair])
    assert all(name in error.value.hint for name in LOSSES)


def test_a_crop_that_does_not_fit_the_networks_is_refused() -> None:
    with pytest.raises(InputError, match="A crop of 100 pixels"):
        changed(RECIPES["small"], losses=[], crop=100)
