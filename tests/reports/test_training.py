"""The page of a training run: its curves, while it runs and after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.reports.training import PAGE, POINTS, SMOOTHED, build_report, curve, thinned, write_curves
from ifrplus_cli.training.recipe import RECIPES
from ifrplus_cli.training.run import TrainOptions

OPTIONS = TrainOptions("lite", replace(RECIPES["small"], steps=40, minutes=None), Path("out"))
ROWS: list[dict[str, Any]] = [
    {"step": 0, "seconds": 0.0, "psnr": 30.0},
    *({"step": k, "seconds": 61.4 * k, "loss": 1 / k, "psnr": 31.5 if k == 40 else None} for k in range(1, 41)),
]


def test_loss_and_validation_are_charts_over_the_steps() -> None:
    report = build_report(OPTIONS, ROWS)
    loss, validated = report.charts
    assert (loss.x_is, list(loss.x)) == ("steps", list(range(1, 41)))
    smooth, each = loss.lines
    assert each.values[:3] == [1.0, 0.5, 0.33333]
    assert smooth.name == f"mean of {SMOOTHED} points"
    assert smooth.values[20] == pytest.approx(sum(each.values[8:33]) / SMOOTHED, rel=1e-4)
    assert (list(validated.x), list(validated.lines[0].values)) == ([0, 40], [30.0, 31.5])
    assert report.subtitle == "Written at step 40, after 40:56."
    assert report.headline == {
        "loss of the last step": "0.025",
        "validation PSNR at best": "31.50 dB",
        "before the first step": "30.00 dB",
    }
    assert report.facts["Recipe"]["losses"] == "laplacian 1, energy 1, flow 0.02"
    assert "minutes" not in report.facts["Recipe"]


def test_a_run_that_has_only_begun_has_no_line_of_losses() -> None:
    report = build_report(OPTIONS, ROWS[:1])
    assert [chart.name for chart in report.charts] == ["Validation PSNR"]
    assert len(build_report(OPTIONS, ROWS[:10]).charts[0].lines) == 1


def test_what_is_no_number_is_left_out() -> None:
    rows = [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": None}, {"step": 3}, {"step": 4, "loss": 2.0}]
    assert curve(rows, "loss") == [(4, 2.0)]


def test_a_long_run_is_drawn_by_means() -> None:
    found = thinned([(step, step % 3) for step in range(1, 213_801)])
    assert len(found) <= POINTS
    assert found[-1][0] == 213_800
    assert all(value == pytest.approx(1, abs=0.1) for _, value in found)
    assert thinned([]) == []


def test_the_page_appears_whole_and_a_folder_that_takes_none_is_told(tmp_path: Path) -> None:
    write_curves(replace(OPTIONS, out=tmp_path), ROWS)
    assert [path.name for path in tmp_path.iterdir()] == [PAGE]
    with pytest.raises(OutputError, match=r"curves\.html can't be written") as error:
        write_curves(replace(OPTIONS, out=tmp_path / "none"), ROWS)
    assert error.value.hint == "Give another --out."
