"""Room on the disk: what a film will take, and what is done where there is too little."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from clips import make_clip, probe_once

from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import LEAST_FREE
from ifrplus_cli.pipeline.disk_space import check_room, picture_bytes, watch_room
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.video.writing.encoders import EncodeOptions


def planned_bytes(clip: Path, **options: object) -> int:
    """The estimate for 100 frames."""
    encode = EncodeOptions(**options)  # type: ignore[arg-type]
    job = plan_job(probe_once(clip), clip.with_name("film.mkv"), UpsampleOptions(encode=encode))
    return picture_bytes(job.encode, 100)


def free(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=count))


def test_six_steps_of_crf_halve_the_estimate_and_raw_frames_bound_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=3)
    coarse, fine = planned_bytes(clip, crf=22.0), planned_bytes(clip, crf=16.0)
    assert fine == planned_bytes(clip)
    assert fine == pytest.approx(2 * coarse, abs=1)
    width, height = probe_once(clip).width, probe_once(clip).height
    assert fine < planned_bytes(clip, codec="ffv1") < 100 * width * height * 3 // 2


def test_too_little_room_is_told_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    free(monkeypatch, 10e9)
    check_room(tmp_path, 9 * 10**9, said.append)
    assert not said
    check_room(tmp_path, 20 * 10**9, said.append)
    assert said == [f"{tmp_path} has 10.0 GB free; the film may need 20.0 GB."]
    with pytest.raises(OutputError, match=r"has 10.0 GB free, and the film needs about 101.0 GB"):
        check_room(tmp_path, 101 * 10**9, said.append)
    free(monkeypatch, 8e6)
    with pytest.raises(OutputError, match=r"has 8 MB free, and 50 MB stay unused"):
        check_room(tmp_path, 1, said.append)


def test_a_run_stops_before_the_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, LEAST_FREE)
    watch_room(tmp_path)
    free(monkeypatch, LEAST_FREE - 1)
    with pytest.raises(OutputError, match="The disk is full"):
        watch_room(tmp_path)


def test_a_quality_that_is_no_number_is_left_to_the_encoder(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=3)
    assert planned_bytes(clip, codec="libx264", encoder_args=(("crf", "high"),)) == planned_bytes(clip)
