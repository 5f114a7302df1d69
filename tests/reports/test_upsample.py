"""The report on a run: what was promised and found, where most changes, and where made frames are soft or doubtful."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import blend_model, make_clip, run_blend_here

from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.job import Job, UpsampleOptions, plan_job
from ifrplus_cli.pipeline.run import Hooks, Summary, run_job
from ifrplus_cli.pipeline.run_record import SHOWN, RunRecord
from ifrplus_cli.reports.upsample import build_report
from ifrplus_cli.values import PairKind
from ifrplus_cli.video.reading.probe import probe


def recorded(folder: Path, *, frames: int = 12) -> tuple[Job, Summary, RunRecord]:
    clip = probe(make_clip(folder / "clip.mkv", frames=frames))
    job = plan_job(clip, folder / "film.mkv", UpsampleOptions())

    def off(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.clip((1 - t) * left + t * right + 0.2, 0, 1)

    record = RunRecord(job.clip.start, job.clip.pixel_format)
    return job, run_job(job, blend_model(off), Hooks(record=record)), record


def test_every_pair_and_made_frame_is_seen(tmp_path: Path) -> None:
    _, summary, record = recorded(tmp_path)
    assert [pair.seconds for pair in record.pairs] == pytest.approx([number / 25 for number in range(1, 12)])
    assert {pair.kind for pair in record.pairs} == {PairKind.MOTION}
    assert all(pair.change > 1 for pair in record.pairs)
    assert [seconds for seconds, _ in record.doubts] == pytest.approx([number / 25 + 0.02 for number in range(11)])
    assert len(record.doubts) == len(record.details) == summary.frames_made == 11
    assert all(0 < share < 1.5 for _, share in record.details)
    shares = [seen.share for seen in record.shown]
    assert shares == sorted((share for _, share in record.doubts), reverse=True)[:SHOWN]
    assert shares[0] > 0
    assert all(seen.doubt is not None and seen.doubt.shape == (48, 64, 3) for seen in record.shown)


def test_the_report_contains_the_findings(tmp_path: Path) -> None:
    job, summary, record = recorded(tmp_path)
    report = build_report(job, summary, record, {"Versions": {"ifrplus": "1"}})
    assert report.title == "film.mkv, made from clip.mkv"
    assert report.headline["frames made"] == "11"
    assert [chart.name for chart in report.charts] == ["Detail", "Doubt", "Change"]
    assert any("their neighbours" in sentence for sentence in report.sentences)
    assert len(report.rows) == SHOWN
    assert set(report.rows[0].pictures) == {"frame before", "made", "frame after", "doubt, in red"}
    finished = report.facts["The finished file, probed and compared"]
    assert finished["frames"] == "24, as promised"
    assert finished["length"] == "0.480 s, as promised"
    assert list(report.facts)[-1] == "Versions"


def test_a_report_on_frames_that_an_earlier_run_made_names_the_cuts(tmp_path: Path) -> None:
    job, summary, _ = recorded(tmp_path)
    cut = replace(summary, cuts=(Cut(5, Fraction(1, 5), 0.9),), pairs={**summary.pairs, "cut": 1})
    nothing_seen = RunRecord(job.clip.start, job.clip.pixel_format)
    report = build_report(job, cut, nothing_seen, {})
    assert "Cuts, where the frame before is held: 0:00:00.20." in report.sentences
    assert "No sample pictures: all frames came from the resumed run." in report.sentences
    blended = replace(job, options=replace(job.options, cut_fill="blend"))
    report = build_report(blended, cut, nothing_seen, {})
    assert "Cuts: 0:00:00.20." in report.sentences
    assert report.headline["cuts"] == "1"


def test_the_command_writes_a_report(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip <b>.mkv")
    task = ("upsample", "clip <b>.mkv", "film.mp4", "--report", "report.html", "--factor", "3")
    done = run_blend_here(*task, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "clip &lt;b&gt;.mkv" in text
    for words in ("18, as promised", "libx264", "weights sha256", "ffmpeg"):
        assert words in text


def test_a_report_that_can_not_be_written_is_an_error_before_the_run(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mkv")
    task = ("upsample", "clip.mkv", "film.mp4", "--report", "no/report.html")
    done = run_blend_here(*task, folder=tmp_path)
    assert done.returncode == 1
    assert "--report" in done.stderr
    assert not (tmp_path / "film.mp4").exists()
