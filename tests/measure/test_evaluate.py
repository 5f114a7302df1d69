"""The middle pictures are compared as papers do, the worst are shown, and the command reports everything."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import blend, blend_model, run_blend_here

from ifrplus_cli.datasets.layouts import find_dataset
from ifrplus_cli.frames.metrics import psnr, ssim, ssim_volume
from ifrplus_cli.measure import evaluate
from ifrplus_cli.measure.evaluate import WORST_TRIPLETS, EvaluateRequest, Evaluation, evaluate_dataset, evaluate_folder
from ifrplus_cli.measure.published import PUBLISHED, published_for
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.plan import NetworkPlan

SIZE = (48, 64)


def picture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Smooth noise, RGB."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def write(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])


def write_vimeo(folder: Path, count: int) -> None:
    """Triplets whose middle pictures are ever farther from a blend of their neighbours."""
    names = [f"00001/{number:04}" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        left, right = picture(2 * number), picture(2 * number + 1)
        middle = ((left.astype(int) + right) // 2 + number).astype(np.uint8)
        for place, rgb in ((1, left), (2, middle), (3, right)):
            write(folder / "sequences" / name / f"im{place}.png", rgb)
    (folder / "tri_testlist.txt").write_text("\n".join(names))


def evaluated(folder: Path) -> Evaluation:
    return evaluate_dataset(find_dataset(folder), blend_model(blend, SIZE))


def test_figures_are_those_of_the_made_picture_in_eight_bits(tmp_path: Path) -> None:
    write_vimeo(tmp_path, 2)
    result = evaluated(tmp_path)
    left, true, right = (
        cv2.imread(str(tmp_path / f"sequences/00001/0002/im{place}.png"))[..., ::-1] for place in (1, 2, 3)
    )
    halves = [outer.astype(np.float32) / 255 * 0.5 for outer in (left, right)]
    made = np.rint(np.add(*halves) * 255).astype(np.uint8)
    score = result.scores[1]
    assert score.name == "00001/0002"
    assert score.psnr == pytest.approx(psnr(made, true), abs=1e-4)
    assert score.ssim_channels == pytest.approx(ssim(made, true), abs=1e-4)
    assert score.ssim_volume == pytest.approx(ssim_volume(made, true), abs=1e-4)
    assert score.blend_psnr == pytest.approx(score.psnr, abs=1e-4)
    assert result.means()["psnr"] == pytest.approx((result.scores[0].psnr + score.psnr) / 2)


def test_the_worst_are_kept_worst_first(tmp_path: Path) -> None:
    write_vimeo(tmp_path, WORST_TRIPLETS + 2)
    result = evaluated(tmp_path)
    ranked = sorted(result.scores, key=lambda score: score.psnr)
    assert [seen.score for seen in result.worst] == ranked[:WORST_TRIPLETS]
    assert result.worst[0].score.name == f"00001/{WORST_TRIPLETS + 2:04}"
    assert result.worst[0].made.shape == (*SIZE, 3)


def test_progress_reports_all_triplets(tmp_path: Path) -> None:
    write_vimeo(tmp_path, 3)
    told: list[tuple[int, int]] = []
    evaluate_dataset(find_dataset(tmp_path), blend_model(blend, SIZE), lambda *numbers: told.append(numbers))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_groups_have_their_own_means(tmp_path: Path) -> None:
    for name in ("easy", "hard"):
        for number in range(5):
            write(tmp_path / name / f"{number}.png", picture(number if name == "hard" else 0))
    result = evaluated(tmp_path)
    assert result.groups == ("easy", "hard")
    assert result.means("easy")["psnr"] == 100
    assert result.means("hard")["psnr"] < 40
    assert result.means()["psnr"] == pytest.approx((100 + result.means("hard")["psnr"]) / 2)


def test_pictures_of_all_sizes_are_made_with_the_same_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, size in enumerate([SIZE, (64, 96)]):
        for place in range(3):
            write(tmp_path / str(number) / f"{place}.png", picture(place, size))
    scales = []
    load = evaluate.load_model

    def watched(plan: NetworkPlan, *rest: Any) -> LoadedModel:
        scales.append(plan.scales.flow)
        return load(plan, *rest)

    monkeypatch.setattr(evaluate, "load_model", watched)
    evaluate_folder(tmp_path, EvaluateRequest(model="lite", engine="onnx", flow_scale="0.5"))
    assert scales == [0.5, 0.5]


def test_published_figures_are_those_of_the_benchmark() -> None:
    assert {figure.layout for figure in published_for("snu-film")} == {"snu-film"}
    assert {figure.layout for figure in published_for("clips")} == {"vimeo-triplet"}
    ifrplus = next(figure for figure in PUBLISHED if figure.network == "IFR+")
    assert (ifrplus.psnr, ifrplus.ssim, ifrplus.ssim_kind) == (36.54, 0.9710, "ssim_channels")


# The command from here on.


def test_the_command_prints_everything_and_writes_files(tmp_path: Path) -> None:
    write_vimeo(tmp_path / "set", 12)
    wanted = ("--csv", "figures.csv", "--report", "report.html", "--json")
    done = run_blend_here("eval", "set", *wanted, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["dataset"] == {"path": "set", "layout": "vimeo-triplet", "triplets": 12}
    assert "Vimeo-90K triplets, 12 triplets" in done.stderr
    rows = list(csv.DictReader((tmp_path / "figures.csv").open()))
    assert [row["name"] for row in rows] == [item["name"] for item in told["items"]]
    for figure in ("psnr", "ssim_channels", "ssim_volume"):
        values = [float(row[figure]) for row in rows]
        assert np.mean(values) == pytest.approx(told[figure], abs=1e-5)
        assert figure in told["definitions"]
    assert told["published"][0]["psnr"] == 36.54
    assert len(told["worst"]) == WORST_TRIPLETS
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("data:image/jpeg") == 4 * WORST_TRIPLETS
    assert "36.54 dB, 0.9710 ssim_channels" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures.csv", "report.html", "set"]


def test_pictures_of_several_sizes_are_reported_in_a_table(tmp_path: Path) -> None:
    for name, size in (("a", SIZE), ("b", (32, 40)), ("c", SIZE)):
        for number in range(3):
            write(tmp_path / name / f"{number}.png", picture(number, size))
    done = run_blend_here("eval", tmp_path, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 triplets" in done.stdout
    assert "IFR+, Vimeo-90K triplets" in done.stdout
    assert "measured on different images, not comparable" in done.stdout


def test_every_failure_is_one_sentence(tmp_path: Path) -> None:
    write_vimeo(tmp_path / "set", 1)
    cut = tmp_path / "set" / "sequences/00001/0001/im2.png"
    cut.write_bytes(cut.read_bytes()[:2000])
    for arguments, told in (
        (("set",), "im2.png is damaged, or in an unknown format."),
        (("set", "--csv", "no/figures.csv"), "no/figures.csv can't be written"),
    ):
        done = run_blend_here("eval", *arguments, folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        *_, error, hint = done.stderr.splitlines()
        assert len(done.stderr.splitlines()) <= 3  # the layout is told first
        assert error.startswith("error: ")
        assert told in error
        assert hint.startswith("hint: ")
