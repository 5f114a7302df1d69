"""Measurements: what is timed and what is not, each size in a separate process, and a readable result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import PROGRAM, blend, blend_model, frame_times, picture, run_here, run_program
from typer.testing import CliRunner

from ifrplus_cli.commands import main
from ifrplus_cli.errors import ModelError
from ifrplus_cli.frames.synthetic_scene import moving_scene
from ifrplus_cli.measure import bench
from ifrplus_cli.measure.bench import (
    BenchOptions,
    BenchResult,
    FrameTimes,
    PipelineTimes,
    SizeResult,
    measure_frame,
    measure_pipeline,
)
from ifrplus_cli.measure.beside import Comparison
from ifrplus_cli.measure.generated_clip import write_clip
from ifrplus_cli.measure.timing import Spread, Turns
from ifrplus_cli.network import plan
from ifrplus_cli.network.machine import Machine
from ifrplus_cli.reports.bench import describe_bench


class FakeClock:
    """A clock that only the network moves."""

    def __init__(self, *seconds: float) -> None:
        self.now = 0.0
        self.steps = iter(seconds)

    def __call__(self) -> float:
        return self.now

    def network(self, *arrays: np.ndarray) -> np.ndarray:
        """Takes the next of the seconds."""
        self.now += next(self.steps)
        return blend(*arrays)


def measure(clock: FakeClock, size: tuple[int, int], runs: int, said: list[str], **options: Any) -> FrameTimes:
    left, right = moving_scene(*size, 2)
    model = blend_model(clock.network, (size[1], size[0]), **options)
    return measure_frame(model, (left, right), runs, say=said.append, clock=clock)


def test_the_first_frame_is_reported_separately_and_the_others_by_their_median() -> None:
    said: list[str] = []
    times = measure(FakeClock(20.0, 3.0, 1.0, 2.0, 8.0, 2.5), (64, 48), 5, said)
    assert times.first == 20.0
    assert times.network == times.whole == Spread(median=2.5, least=1.0, most=8.0)
    assert times.prior is None
    assert len(said) == 6


def test_all_tiles_of_a_picture_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BATCH_PIXELS", 1)  # one tile at a time
    times = measure(FakeClock(20.0, 10.0, 3.0, 2.0), (96, 64), 1, [], tile=(64, 64), tile_overlap=16)  # two tiles
    assert (times.first, times.network.median) == (30.0, 5.0)


def test_the_generated_clip_is_a_film_with_motion(tmp_path: Path) -> None:
    film = write_clip(tmp_path, (96, 64), 13)
    times = frame_times(film)
    assert len(times) == 13
    assert {right - left for left, right in pairwise(times)} == {Fraction(1, 25)}
    assert (picture(film)["width"], picture(film)["height"]) == (96, 64)


def test_a_whole_run_is_reported_by_stages(tmp_path: Path) -> None:
    said: list[str] = []
    alone = iter([3.0, 5.0])  # before the run, and after it
    run = measure_pipeline(blend_model(size=(66, 98)), (97, 65), lambda: next(alone), tmp_path, said.append)
    assert (run.frames_in, run.frames_made) == (13, 12)
    assert list(run.stages) == ["decode", "colour", "flow", "tiles", "network", "encode"]
    assert all(seconds > 0 for seconds in run.stages.values())
    assert run.stages["network"] < run.seconds
    assert run.ratio == pytest.approx(run.seconds / (12 * 4.0))
    assert said[-1] == "whole run: 24 of 26 frames written"


def result(network: str, pipeline: PipelineTimes | None) -> BenchResult:
    times = FrameTimes(4.5, Spread(0.25, 0.2, 12.5), Spread(0.05, 0.05, 0.05), Spread(0.3, 0.3, 0.4))
    sizes = (
        SizeResult(
            448,
            256,
            network,
            "00",
            "mindspore",
            "fp32",
            "1 of 448x256",
            times,
            100.0,
            0.25,
            812.25,
            0.0,
            0.15,
            pipeline,
        ),
        SizeResult(
            64,
            32,
            network,
            "00",
            "mindspore",
            "fp32",
            "1 of 64x32",
            times,
            90.0,
            0.5,
            700.0,
            99.0,
            None,
            None,
            (BESIDE,),
        ),
    )
    return BenchResult({"device": "CPU", "nvidia_driver": "535"}, sizes)


BESIDE = Comparison("rife", "made frame", Turns(Spread(0.5, 0.4, 0.6), Spread(2, 1.9, 2.1), Spread(4, 3.5, 4.5)))
RUN = PipelineTimes(13, 12, 3.0, 1.25, {"decode": 0.5, "colour": 0.5, "network": 2.0, "encode": 1.0})


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the command prints of a measurement of ``lite``, line by line."""
    monkeypatch.setattr(bench, "run_bench", lambda options, say, note: result("lite", RUN))
    yield CliRunner().invoke(main.app, ["bench"]).stdout.splitlines()


def test_the_table_is_for_people(shown: list[str]) -> None:
    (row,) = (line for line in shown if line.startswith("  448x256") and "812 MB" in line)
    for cell in ("0.250 (0.200-12.5)", "0.050 (0.050-0.050)", "0.300 (0.300-0.400)", "4.500", "0.150"):
        assert cell in row
    (other,) = (line for line in shown if line.startswith("  64x32") and "700 MB" in line)
    for cell in ("mindspore", "700 MB, device 99 MB", "50% of 90 GFLOP/s"):
        assert cell in other
    assert any(line.startswith("nvidia driver") for line in shown)


def test_published_figures_are_not_shown_as_those_of_another_network(shown: list[str]) -> None:
    assert any("the full network IFR+ on one Ascend 910A, batch 1" in line for line in shown)
    assert any(line.startswith("- lite is another, smaller network") for line in shown)


def test_shares_are_of_the_work(shown: list[str]) -> None:
    (row,) = (line for line in shown if "13, 12 made" in line)
    told = " ".join(row.split("made", 1)[1].split())
    assert told == "0.500 (12%) 0.500 (12%) 2.000 (50%) 1.000 (25%) 3.000 1.25x"


def test_other_programs_are_shown_with_how_many_times_as_fast_ours_is(shown: list[str]) -> None:
    (row,) = [line for line in shown if "made frame " in line and "rife" in line]
    assert row.split()[0] == "64x32"
    assert "4.00x (3.50-4.50)" in row


def test_plain_data_holds_everything() -> None:
    told = describe_bench(result("lite", RUN))
    assert json.loads(json.dumps(told)) == told
    (first, second) = told["sizes"]  # type: ignore[misc]
    assert first["times"]["network"] == {"median": 0.25, "least": 0.2, "most": 12.5}
    assert (first["published_seconds"], second["published_seconds"]) == (0.15, None)
    assert first["pipeline"]["stages"]["encode"] == 1.0
    (beside,) = second["beside"]
    assert (beside["other"], beside["turns"]["times_as_fast"]["median"]) == ("rife", 4)


def test_options_reach_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[BenchOptions] = []
    monkeypatch.setattr(bench, "run_bench", lambda options, say, note: given.append(options) or result("lite", None))
    sizes, engines = ("--size", "64x32", "--size", "32x64"), ("--engine", "onnx", "--engine", "mindspore")
    models, others = ("--model", "ifrnet-s", "--model", "lite"), ("--beside", "rife", "--beside", "minterpolate")
    for arguments in (
        (),
        (*sizes, *engines, *others, "--precision", "int8", "--runs", "2", "--device", "gpu", "--pipeline", *models),
    ):
        assert CliRunner().invoke(main.app, ["bench", *arguments]).exit_code == 0
    assert given == [
        BenchOptions("auto", ("auto",), ("auto",), "auto", ((448, 256), (1920, 1024)), 5, False),
        BenchOptions(
            "gpu",
            ("ifrnet-s", "lite"),
            ("onnx", "mindspore"),
            "int8",
            ((64, 32), (32, 64)),
            2,
            True,
            ("rife", "minterpolate"),
        ),
    ]


# The real program from here on: each start takes seconds.


def measured(engine: str, sizes: Sequence[str], folder: Path) -> dict[str, Any]:
    """What the program tells of one frame of each size after the first."""
    options = [word for size in sizes for word in ("--size", size)]
    options += ["--engine", engine, "--precision", "fp32", "--device", "cpu"]
    done = run_program("bench", *options, "--runs", "1", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert f"{sizes[-1]}: frame 1 of 1" in done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["setting"]["device"] == "CPU"
    assert {engine if engine == "mindspore" else "onnxruntime", "threads", "processor", "cores", "memory"} <= told[
        "setting"
    ].keys()
    for size in told["sizes"]:
        assert (size["network"], size["engine"]) == ("lite", engine)
        times = size["times"]
        assert times["whole"]["median"] >= times["network"]["median"] > 0
        assert times["prior"]["median"] > 0
        assert 0.01 < size["share_of_convolution"] < 4  # in 8 bits it is more than the whole
        assert size["convolution_gflops"] > 1
    return told


def test_the_real_network_is_measured_at_each_size(tmp_path: Path) -> None:
    small, large = measured("onnx", ("33x21", "448x256"), tmp_path)["sizes"]
    assert (small["size"], small["tiles"], large["size"]) == ("33x21", "1 of 64x32", "448x256")
    assert (small["published_seconds"], large["published_seconds"]) == (None, 0.15)
    assert 50 < small["peak_memory_mb"] < large["peak_memory_mb"]
    assert large["times"]["network"]["median"] > small["times"]["network"]["median"]


def test_mindspore_is_measured_likewise(tmp_path: Path) -> None:
    (size,) = measured("mindspore", ("96x64",), tmp_path)["sizes"]
    assert size["peak_memory_mb"] > 100
    assert size["times"]["first"] > size["times"]["network"]["median"]  # it compiles


@pytest.mark.parametrize("options", [BenchOptions(models=("lite", "rife")), BenchOptions(beside=("rife",))])
def test_missing_weights_are_noticed_before_anything_is_measured(
    options: BenchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "find_weights", lambda name: None if name == "rife" else Path(name))
    monkeypatch.setattr(bench, "_in_own_process", lambda *_: pytest.fail("something was measured"))
    with pytest.raises(ModelError, match="The weights rife were not found") as missing:
        bench.run_bench(options, print, print)
    assert missing.value.hint == "Run ifrplus download-weights rife."


@pytest.mark.parametrize(("device", "told"), [("Ascend", "CANN"), ("GPU:1", "CUDA")])
def test_a_missing_device_is_one_sentence_and_a_hint(device: str, told: str, tmp_path: Path) -> None:
    if Machine(tmp_path).has(device.partition(":")[0]):
        pytest.skip("this machine may have one")
    done = run_here("bench", "--device", device, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: The device {device.partition(':')[0]}:")
    assert told in error
    assert hint.startswith("hint: ")
    assert hint.endswith("Available here with --device: CPU.")


@pytest.mark.parametrize("size", ["", "64", "0x64", "15x64", "64x9000", "64*64", "64x-1"])
def test_an_invalid_size_is_wrong_usage(size: str) -> None:
    done = CliRunner().invoke(main.app, ["bench", "--size", size])
    assert (done.exit_code, done.stdout) == (2, "")


def start(folder: Path) -> subprocess.Popen[str]:
    """A long measurement that has just begun."""
    command = [*PROGRAM, "bench", "--size", "64x64", "--runs", "99999"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "64x64: first frame, with compilation\n"
    return process


def measuring(parent: int) -> int:
    """The process that measures for another one."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        told = stat.read_text().rpartition(")")[2].split()
        if int(told[1]) == parent and b"spawn_main" in stat.with_name("cmdline").read_bytes():
            return int(stat.parent.name)
    raise AssertionError("nothing is measured")


@pytest.mark.parametrize("whom", ["the program", "the process that measures"])
def test_an_early_end_leaves_nothing_behind(whom: str, tmp_path: Path) -> None:
    process = start(tmp_path)
    child = measuring(process.pid)
    if whom == "the program":
        process.send_signal(signal.SIGINT)
    else:
        os.kill(child, signal.SIGKILL)
    told, complained = process.communicate(timeout=20)
    assert told == ""
    assert not Path(f"/proc/{child}").exists()
    assert not list(tmp_path.iterdir())
    if whom == "the program":
        assert process.returncode == 130
        assert "Traceback" not in complained
    else:
        assert process.returncode == 1
        assert "error: The measurement of 64x64 ended early (exit code -9)." in complained
