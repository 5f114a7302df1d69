"""The remarks beside the figures: what they mean, and with what they are not comparable."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifrplus_cli.datasets.layouts import Dataset, Triplet
from ifrplus_cli.measure.evaluate import Evaluation, Score
from ifrplus_cli.models import MODELS
from ifrplus_cli.reports.evaluation import published_rows, remarks, result_rows


def evaluation(layout: str, count: int = 2) -> Evaluation:
    triplets = tuple(Triplet(str(number), "", Path(), Path(), Path()) for number in range(count))
    scores = tuple(Score(triplet.name, "", 30.0 + 2 * (triplet.name == "1"), 0.9, 0.95, 25.0) for triplet in triplets)
    return Evaluation(Dataset(Path("set"), layout, triplets), scores, ())


def test_the_limits_of_a_network_without_outer_frames_are_stated() -> None:
    told = {name: " ".join(remarks(evaluation("triplets"), MODELS[name])) for name in ("lite", "ifrplus")}
    assert "here paths are taken as straight" in told["lite"]
    assert "straight" not in told["ifrplus"]


@pytest.mark.parametrize(
    ("layout", "count", "told"),
    [
        ("vimeo-triplet", 2, "for all 3782 triplets, not these 2."),
        ("ucf101", 379, ""),
        ("middlebury", 12, "measured on different images, not comparable."),
    ],
)
def test_published_figures_of_other_images_are_called_not_comparable(layout: str, count: int, told: str) -> None:
    said = [sentence for sentence in remarks(evaluation(layout, count), MODELS["ifrplus"]) if "published" in sentence]
    published = [sentence for sentence in said if sentence.startswith("The published")]
    assert bool(published) == bool(told)
    assert all(sentence.endswith(told) for sentence in published)


def test_each_figure_is_in_the_column_of_its_own_measure() -> None:
    assert result_rows(evaluation("triplets"), "lite")[0] == {
        "": "lite",
        "psnr": "31.00",
        "ssim_channels": "0.9000",
        "ssim_volume": "0.9500",
    }
    rows = {row[""]: row for row in published_rows(evaluation("vimeo-triplet").dataset)}
    ifrplus, ifrnet = rows["IFR+, Vimeo-90K triplets"], rows["IFRNet L, Vimeo-90K triplets"]
    assert (ifrplus["psnr"], ifrplus["ssim_channels"], ifrplus["ssim_volume"]) == ("36.54", "0.9710", "")
    assert (ifrnet["psnr"], ifrnet["ssim_channels"], ifrnet["ssim_volume"]) == ("36.20", "", "0.9808")
