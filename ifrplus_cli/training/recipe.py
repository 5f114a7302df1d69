"""The hyperparameters of a training run, and the learning rate that follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from ifrplus_cli.errors import InputError
from ifrplus_cli.training.augment import Augmentation

LAPLACIAN_LEVELS = 5  # of the pyramid of the Laplacian loss
ENERGY_BANDS, ENERGY_WINDOW, LEAST_ENERGY = 3, 9, 1e-3  # of that of local energy: finest bands, pixels a side, floor


@dataclass(frozen=True)
class LossWeights:
    """Weight of each loss of ``losses.py``; losses of weight 0 are not computed."""

    charbonnier: float = 0.0
    frequency: float = 0.0
    perceptual: float = 0.0
    distillation: float = 0.0
    laplacian: float = 0.0
    energy: float = 0.0
    logarithm: float = 0.0
    flow: float = 0.0

    @property
    def used(self) -> dict[str, float]:
        """The losses that are used, with their weights, by name."""
        return {name: weight for name in LOSSES if (weight := getattr(self, name))}


LOSSES = tuple(loss.name for loss in fields(LossWeights))


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training run.

    Attributes:
        batch: batch size per device.
        accumulate: batches per step.
        crop: side of a picture in pixels, a multiple of 32.
        rate, last_rate: learning rate after the warm-up, and at the end of the cosine.
        warm_up: steps in which the rate rises from 0.
        weight_decay: of AdamW, whose betas are 0.9 and 0.999.
        largest_norm: norm to which all gradients together are clipped.
        averaging: share of the averaged weights that stays from step to step; validation and results use the averages.
        losses: weights of the losses that are minimised.
        steps: number of steps; None if ``minutes`` end the training.
        minutes: of training, in this run and those that it resumes; if ``steps`` is None, the rate follows them.
        validate_every: steps between two validations.
    """

    batch: int
    crop: int
    rate: float
    last_rate: float
    warm_up: int
    weight_decay: float
    losses: LossWeights
    steps: int | None = None
    minutes: float | None = None
    accumulate: int = 1
    largest_norm: float = 1.0
    averaging: float = 0.999
    validate_every: int = 500
    augmentation: Augmentation = field(default_factory=Augmentation)


RECIPES = {
    # Batches of 24 on four devices, 100 times the 51 312 triplets of Vimeo-90K. The perceptual loss (0.1) needs a file.
    "published": Recipe(
        batch=6,
        crop=224,
        rate=1e-4,
        last_rate=1e-6,
        warm_up=0,
        weight_decay=1e-2,
        losses=LossWeights(charbonnier=1.0, frequency=1.0, distillation=0.00178),
        steps=213_800,
        validate_every=2138,
    ),
    "small": Recipe(
        batch=4,
        crop=160,
        rate=4e-4,
        last_rate=8e-6,
        warm_up=300,
        weight_decay=1e-4,
        losses=LossWeights(laplacian=1.0, energy=1.0, flow=0.02),
        minutes=30.0,
        validate_every=100,
        augmentation=Augmentation(enlarge=0.0, vertical=0.5, transpose=0.5, channels=0.5),
    ),
}
# Weights that are good already: at the rate of "small" a few dozen steps did them harm.
RECIPES["fine-tune"] = replace(RECIPES["small"], rate=3e-5, last_rate=6e-7)
PUBLISHED_PERCEPTUAL = 0.1
LONGEST_WARM_UP = 0.1  # share of a run
CROP_MULTIPLE = 32  # pixels, which both networks accept


def changed(
    recipe: Recipe,
    *,
    losses: Sequence[str],
    perceptual: bool = False,
    steps: int | None = None,
    minutes: float | None = None,
    **figures: float | Augmentation | None,
) -> Recipe:
    """Return a recipe with some values replaced; those that are None stay.

    Args:
        recipe: the recipe to start from.
        losses: loss weights in the form NAME=WEIGHT.
        perceptual: whether weights for the perceptual loss are available; then it counts as in the published recipe,
            unless ``losses`` say otherwise.
        figures: other values by name; with ``rate`` the last rate changes by the same factor.

    Raises:
        InputError: if a value can't be used.
    """
    weights = replace(recipe.losses, perceptual=PUBLISHED_PERCEPTUAL) if perceptual else recipe.losses
    length = {"steps": steps, "minutes": minutes} if steps or minutes else {}
    given = {name: value for name, value in figures.items() if value is not None}
    if isinstance(rate := given.get("rate"), float):
        given["last_rate"] = rate * recipe.last_rate / recipe.rate
    made = replace(recipe, losses=_with_losses(weights, losses), **length, **given)  # type: ignore[arg-type]
    if made.crop % CROP_MULTIPLE:
        raise InputError(f"A crop of {made.crop} pixels can't be used.", f"Use a multiple of {CROP_MULTIPLE}.")
    return made


def _with_losses(weights: LossWeights, pairs: Sequence[str]) -> LossWeights:
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if name not in LOSSES or not 0 <= weight < math.inf:
            raise InputError(f"{pair} is not a loss weight.", f"Use NAME=WEIGHT with one of {', '.join(LOSSES)}.")
        weights = replace(weights, **{name: weight})
    return weights


def learning_rate(recipe: Recipe, step: int, share: float) -> float:
    """Return the rate: a linear warm-up, then a cosine over the share of the run that has passed, 0 to 1.

    The warm-up takes the recipe's steps, but at most the first tenth of a run.
    """
    cosine = recipe.last_rate + (recipe.rate - recipe.last_rate) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return cosine * min(1.0, max((step + 1) / max(recipe.warm_up, 1), share / LONGEST_WARM_UP))
