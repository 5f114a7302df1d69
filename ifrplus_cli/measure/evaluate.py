"""Measure quality on a data set of triplets: make the middle picture again from the outer ones, and compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from statistics import fmean

import numpy as np

from ifrplus_cli.datasets.layouts import LAYOUTS, Dataset, find_dataset
from ifrplus_cli.datasets.triplets import Shown, read_triplets
from ifrplus_cli.errors import InputError
from ifrplus_cli.frames.metrics import LARGEST_PSNR, psnr, ssim, ssim_volume
from ifrplus_cli.frames.pictures import Picture, as_codes, difference, fitted
from ifrplus_cli.network.choose import Work, choose_network, options_of
from ifrplus_cli.network.interpolator import Interpolator, LoadedModel, load_model
from ifrplus_cli.network.plan import NetworkOptions, plan_network
from ifrplus_cli.network.request import NetworkRequest
from ifrplus_cli.values import HALF, Image

WORST_TRIPLETS = 10  # triplets that are shown
SIZES_AT_ONCE = 4  # picture sizes for which a network is kept ready
FIGURES = ("psnr", "ssim_channels", "ssim_volume", "blend_psnr")


@dataclass(frozen=True)
class Score:
    """The figures of a triplet; the made picture is rounded to 8 bits first.

    Attributes:
        name, group: as in the data set.
        psnr: over all samples of R, G and B together, in dB, at most 100.
        ssim_channels: ``metrics.ssim``, the mean over R, G and B.
        ssim_volume: ``metrics.ssim_volume``.
        blend_psnr: PSNR of a blend of the outer pictures.
    """

    name: str
    group: str
    psnr: float
    ssim_channels: float
    ssim_volume: float
    blend_psnr: float


@dataclass(frozen=True)
class SeenTriplet:
    """Pictures of a triplet, each H x W x 3 uint8 RGB, reduced in size if they are large.

    Attributes:
        blend: of both outer pictures.
    """

    score: Score
    blend: Picture = field(repr=False)
    true: Picture = field(repr=False)
    made: Picture = field(repr=False)
    difference: Picture = field(repr=False)


@dataclass(frozen=True)
class Evaluation:
    """The result on a data set.

    Attributes:
        scores: in the order of the data set.
        worst: those with the lowest PSNR, worst first.
    """

    dataset: Dataset
    scores: tuple[Score, ...]
    worst: tuple[SeenTriplet, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups in order; empty if there is only one."""
        names = tuple(dict.fromkeys(score.group for score in self.scores))
        return names if len(names) > 1 else ()

    def means(self, group: str | None = None) -> dict[str, float]:
        """Return the mean of each of ``FIGURES`` over all triplets, or those of a group; each triplet counts once."""
        scores = [score for score in self.scores if group in (None, score.group)]
        return {figure: fmean(getattr(score, figure) for score in scores) for figure in FIGURES}


@dataclass(frozen=True)
class EvaluateRequest(NetworkRequest):
    """What a person asks of ``eval``.

    Attributes:
        csv: file for the figures of every triplet.
        report: HTML file for a report with pictures.
    """

    csv: Path | None = None
    report: Path | None = None


@dataclass(frozen=True)
class EvaluatedNetwork:
    """The result of an evaluation, and the network that it is about."""

    result: Evaluation
    model: LoadedModel


def evaluate_folder(
    path: Path,
    request: EvaluateRequest,
    progress: Callable[[int, int], None] = lambda *_: None,
    step: Callable[[str], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> EvaluatedNetwork:
    """Evaluate the network that the request asks for on a data set on disk; no file is written.

    Args:
        progress: receives the number of triplets that are done, and of all.
        step: receives what is being done.
        note: receives sentences that a person should read.

    Raises:
        IfrplusError: if the data set, the network or the device can't be used.
    """
    dataset = find_dataset(path)
    step(f"{dataset.path}: {LAYOUTS[dataset.layout]}, {dataset.count} triplets.")
    first = next(read_triplets(dataset), None)
    if first is None:
        raise _empty(dataset)
    work = Work(first.size, (HALF,), dataset.count)
    model = load_model(choose_network(work, request, note), request.weights)
    return EvaluatedNetwork(evaluate_dataset(dataset, model, progress, options_of(request)), model)


def evaluate_dataset(
    dataset: Dataset,
    model: LoadedModel,
    progress: Callable[[int, int], None] = lambda *_: None,
    options: NetworkOptions | None = None,
) -> Evaluation:
    """Make the middle picture of every triplet again from the two outer ones alone, and compare.

    Args:
        dataset: the data set.
        model: network loaded for pictures of the first triplet's size; for other sizes it is loaded again.
        progress: called with the number of finished triplets and their total.
        options: how the network is run at other sizes.

    Raises:
        InputError: names a triplet that can't be used.
    """
    interpolator = _interpolators(model, options or NetworkOptions())
    scores: list[Score] = []
    worst: list[SeenTriplet] = []
    for shown in read_triplets(dataset):
        left, right = _image(shown.left), _image(shown.right)
        made = as_codes(interpolator(shown.size)(left, right, [shown.t])[0])
        t = float(shown.t)
        blend = as_codes((1 - t) * left + t * right)
        score = _score(shown, made, blend)
        scores.append(score)
        if len(worst) < WORST_TRIPLETS or score.psnr < worst[-1].score.psnr:
            worst.append(_seen(score, blend, shown.true, made))
            worst = sorted(worst, key=lambda sight: sight.score.psnr)[:WORST_TRIPLETS]
        progress(len(scores), dataset.count)
    if not scores:
        raise _empty(dataset)
    return Evaluation(dataset, tuple(scores), tuple(worst))


def _empty(dataset: Dataset) -> InputError:
    return InputError(f"There is nothing to compare in {dataset.path}.", "Use clips of three frames or more.")


def _interpolators(model: LoadedModel, options: NetworkOptions) -> Callable[[tuple[int, int]], Interpolator]:
    """Return a function that gives the network for pictures of (height, width)."""
    plan = model.plan
    alike = replace(options, precision=plan.precision)

    @lru_cache(SIZES_AT_ONCE)
    def ready_for(size: tuple[int, int]) -> Interpolator:
        if size == (plan.tiles.height, plan.tiles.width):
            return Interpolator(model)
        planned = plan_network(plan.spec, plan.engine, plan.device, size, [HALF], alike)
        return Interpolator(load_model(planned, model.weights_path))

    return ready_for


def _score(shown: Shown, made: Picture, blend: Picture) -> Score:
    return Score(
        name=shown.name,
        group=shown.group,
        psnr=min(psnr(made, shown.true), LARGEST_PSNR),
        ssim_channels=ssim(made, shown.true),
        ssim_volume=ssim_volume(made, shown.true),
        blend_psnr=min(psnr(blend, shown.true), LARGEST_PSNR),
    )


def _seen(score: Score, blend: Picture, true: Picture, made: Picture) -> SeenTriplet:
    return SeenTriplet(score, *(fitted(picture) for picture in (blend, true, made, difference(made, true))))


def _image(picture: Picture) -> Image:
    return picture.astype(np.float32) / 255
