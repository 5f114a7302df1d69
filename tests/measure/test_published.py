"""Published figures belong to benchmarks that the program knows, and to measures that it computes."""

from __future__ import annotations

from ifrplus_cli.datasets.layouts import LAYOUTS, SNU_FILM_LISTS
from ifrplus_cli.measure.evaluate import FIGURES
from ifrplus_cli.measure.published import PUBLISHED, TRIPLETS, published_for


def test_every_figure_is_of_a_benchmark_and_a_measure_that_are_known() -> None:
    groups = {"snu-film": set(SNU_FILM_LISTS.values())}
    assert {figure.layout for figure in PUBLISHED} == TRIPLETS.keys() <= LAYOUTS.keys()
    for figure in PUBLISHED:
        assert figure.ssim_kind in FIGURES
        assert figure.group in groups.get(figure.layout, {""})
        assert 20 < figure.psnr < 50
        assert figure.ssim is None or 0.8 < figure.ssim < 1


def test_no_network_has_two_figures_for_one_thing() -> None:
    assert len({(figure.network, figure.layout, figure.group) for figure in PUBLISHED}) == len(PUBLISHED)


def test_where_nothing_is_published_vimeo_stands_in() -> None:
    assert {figure.layout for figure in published_for("ucf101")} == {"ucf101"}
    assert {figure.layout for figure in published_for("middlebury")} == {"vimeo-triplet"}
