"""Hold-out on a clip: the right frames are dropped, compared in the right way, and reported with their times."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from clips import blend, blend_model, ffmpeg, make_clip, probe_once, run_blend_here, run_here, run_program

from ifrplus_cli.errors import InputError
from ifrplus_cli.measure import check
from ifrplus_cli.measure.check import CheckResult, check_clip
from ifrplus_cli.video.reading.sampling import sample

SIZE = (48, 64)


def checked(path: Path, network: object = blend, **options: object) -> CheckResult:
    return check_clip(probe_once(path), blend_model(network, SIZE), **options)  # type: ignore[arg-type]


def test_every_second_frame_is_made_again(tmp_path: Path) -> None:
    result = checked(make_clip(tmp_path / "clip.mkv", frames=8))
    assert [moment.index for moment in result.moments] == [1, 3, 5]
    assert [moment.seconds for moment in result.moments] == [0.04, 0.12, 0.2]
    assert result.frames == 8
    for moment in result.moments:  # the network is a blend
        assert moment.psnr == pytest.approx(moment.blend_psnr, abs=0.3)
        assert 5 < moment.psnr < 50
        assert -1 <= moment.ssim <= 1
        assert 0 < moment.haarpsi < 1


@pytest.mark.parametrize("size", [(2, 64), (64, 2)])
def test_pictures_smaller_than_a_cell_of_the_flow_are_compared(size: tuple[int, int], tmp_path: Path) -> None:
    height, width = size
    path = make_clip(tmp_path / "clip.mkv", frames=6, size=f"{width}x{height}", filters="eq=contrast=0.1")
    result = check_clip(probe_once(path), blend_model(blend, size))
    assert len(result.moments) == 2
    assert result.worst[0].flow.shape == (height, width, 3)
    assert all(moment.ssim < 1 and moment.haarpsi < 1 for moment in result.moments)


def test_detail_is_compared_with_the_true_frame_and_with_both_neighbours(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", frames=8)

    def blurred(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        return (left + np.roll(left, 1, 2) + np.roll(left, 1, 3) + np.roll(left, (1, 1), (2, 3))) / 4

    soft, sharp = checked(path, blurred), checked(path, lambda left, right, t: left)
    for moment in sharp.moments:  # it shows the same test picture, moved
        assert moment.detail == pytest.approx(1, abs=0.25)
        assert moment.neighbour_detail == pytest.approx(1, abs=0.25)
    for moment, same in zip(soft.moments, sharp.moments, strict=True):
        assert moment.detail < 0.6 * same.detail
        assert moment.neighbour_detail < 0.6 * same.neighbour_detail
        assert moment.chroma_detail < same.chroma_detail


def test_a_network_that_knows_the_truth_is_perfect(tmp_path: Path) -> None:
    """What it is shown is taken from the clip; a still one with one odd frame tells which frame is compared."""
    path = make_clip(tmp_path / "clip.mkv", frames=7)

    def middle(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        assert float(t.ravel()[0]) == 0.5
        return (left + right) / 2

    result = checked(path, middle)
    worst = [sight.moment.psnr for sight in result.worst]
    assert worst == sorted(moment.psnr for moment in result.moments)
    assert result.worst[0].true.shape == (*SIZE, 3)
    assert result.worst[0].flow.shape == (*SIZE, 3)


def test_the_timestep_is_that_of_the_dropped_frame(tmp_path: Path) -> None:
    seen: list[float] = []

    def watch(left: np.ndarray, right: np.ndarray, t: np.ndarray) -> np.ndarray:
        seen.append(round(float(t.ravel()[0]), 6))
        return blend(left, right, t)

    path = make_clip(tmp_path / "vfr.mkv", frames=5, ticks=[0, 10, 40, 60, 80])
    checked(path, watch)
    assert seen == [0.25, 0.5]


def test_equal_frames_are_perfect_and_repeats_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "still.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25,loop=loop=9:size=1", "-frames:v", 9, "-c:v", "ffv1", path)
    with pytest.raises(InputError, match="nothing to compare"):
        checked(path)


def test_a_cut_is_counted_and_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "cut.mkv"
    halves = "[0:v]trim=end_frame=4,setpts=PTS-STARTPTS[a];[1:v]trim=end_frame=4,setpts=PTS-STARTPTS[b];[a][b]concat"
    sources = ("testsrc2=s=64x48:r=25,scroll=0.04:0.02", "mandelbrot=s=64x48:r=25:start_scale=0.02")
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    ffmpeg(*inputs, "-filter_complex", halves, "-frames:v", 8, "-c:v", "ffv1", path)
    result = checked(path)
    assert result.cuts == (0.12,)
    assert [moment.index for moment in result.moments] == [1, 5]


def test_one_or_two_frames_can_not_be_checked(tmp_path: Path) -> None:
    for frames in (1, 2):
        with pytest.raises(InputError) as refused:
            checked(make_clip(tmp_path / f"{frames}.mkv", frames=frames))
        assert refused.value.hint


def test_a_long_clip_is_compared_where_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SAMPLE_SECONDS", 1.0)
    path = make_clip(tmp_path / "long.mkv", frames=60)
    clip = probe_once(path)
    stretches = sample(clip, 1.0)
    told: list[tuple[int, int]] = []
    result = checked(path, progress=lambda *numbers: told.append(numbers))
    assert result.frames == sum(map(len, stretches)) < 60
    assert told[-1] == (result.frames, result.frames)
    dropped = {number for stretch in stretches for number in stretch[1:-1:2]}
    assert {moment.index for moment in result.moments} <= dropped
    assert [moment.seconds for moment in result.moments] == [moment.index / 25 for moment in result.moments]
    assert checked(path, full=True).frames == 60


def test_flicker_is_distinguished_from_a_fade() -> None:
    assert check._taken_back(10, 20, 10) == 10
    assert check._taken_back(10, 20, 17) == 3
    assert check._taken_back(10, 20, 30) == 0


def test_interlaced_film_is_refused_until_a_choice_is_made(tmp_path: Path) -> None:
    path = tmp_path / "woven.mkv"
    woven = "testsrc2=s=128x96:r=50,scroll=horizontal=0.02:vertical=0.01,tinterlace=interleave_top,setfield=tff"
    ffmpeg("-f", "lavfi", "-i", woven, "-frames:v", 40, "-c:v", "ffv1", "-field_order", "tt", path)
    refused = run_blend_here("check", path, folder=tmp_path)
    assert refused.returncode == 1
    assert "is interlaced" in refused.stderr and "--deinterlace bwdif" in refused.stderr
    done = run_blend_here("check", path, "--deinterlace", "bwdif", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any("after deinterlacing" in sentence for sentence in json.loads(done.stdout)["verdict"])


# The real program from here on.


def test_the_command_prints_figures_and_writes_a_report(bikes: Path, tmp_path: Path) -> None:
    short, report = tmp_path / "short & <i>.mp4", tmp_path / "report.html"
    ffmpeg("-i", bikes, "-frames:v", 7, "-c:v", "libx264", "-qp", 0, "-an", short)
    done = run_program("check", short, "--report", report, "--json", "--device", "cpu", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["compared_frames"] == 3
    assert told["psnr"] > told["blend_psnr"] + 3
    assert 0.3 < told["detail"] < 1.3 and 0.3 < told["neighbour_detail"] < 1.3
    assert 0.5 < told["haarpsi"] < 1
    assert {"detail", "chroma_detail", "neighbour_detail", "haarpsi"} <= set(told["moments"][0])
    assert any("their neighbours" in sentence for sentence in told["verdict"])
    assert [moment["frame"] for moment in told["moments"]] == [1, 3, 5]
    text = report.read_text("utf-8")
    assert "short &amp; &lt;i&gt;.mp4" in text
    assert text.count("data:image/jpeg") == 3 * 5
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert list(tmp_path.glob(".*")) == []


def test_a_report_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv")
    done = run_here("check", path, "--report", tmp_path / "no" / "r.html", "--device", "cpu", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].startswith("error: ")
