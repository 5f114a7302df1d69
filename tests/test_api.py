"""The public functions for Python programs."""

from __future__ import annotations

import inspect
import math
import os
import re
import subprocess
import sys
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from clips import PACKAGE_FOLDER, blend_model, frame_times, make_clip, picture

import ifrplus_cli
from ifrplus_cli import load_model, probe, upsample
from ifrplus_cli.api import _converted
from ifrplus_cli.commands import upsample as command
from ifrplus_cli.errors import InputError, OutputError, UsageError
from ifrplus_cli.network.request import CHOICES as NETWORK_CHOICES
from ifrplus_cli.network.request import RANGES as NETWORK_RANGES
from ifrplus_cli.network.request import option_of
from ifrplus_cli.pipeline.request import CHOICES, RANGES, UpsampleRequest
from ifrplus_cli.pipeline.run import RunProgress
from ifrplus_cli.video.reading.trim import FrameNumber

README = Path(__file__).parents[1] / "README.md"


PRINTED = {"as_json", "quiet", "verbose"}  # parameters of the command that are about what it prints
PLACES = {"sources", "output", "name", "container"}


def test_the_functions_are_imported_when_they_are_used() -> None:
    script = (
        "import sys, ifrplus_cli; before = 'ifrplus_cli.api' in sys.modules; from ifrplus_cli import upsample; "
        "print(type(ifrplus_cli).__name__, before, upsample is ifrplus_cli.api.upsample)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["module", "False", "True"]
    with pytest.raises(AttributeError, match="has no attribute 'downsample'"):
        ifrplus_cli.downsample  # noqa: B018


def command_parameters() -> dict[str, Any]:
    """Defaults of the command's options that a request takes, by name."""
    parameters = inspect.signature(command.upsample).parameters
    return {name: each.default for name, each in parameters.items() if name not in PRINTED | PLACES}


def test_the_request_has_every_option_of_the_command_with_the_same_default() -> None:
    defaults = {field.name: field.default for field in fields(UpsampleRequest)}
    assert command_parameters() == {**defaults, "encoder_args": None}
    assert defaults["encoder_args"] == ()


def test_options_have_the_names_choices_and_limits_of_the_command() -> None:
    choices, limits = {**NETWORK_CHOICES, **CHOICES}, {**NETWORK_RANGES, **RANGES}
    for name, hint in get_type_hints(command.upsample, include_extras=True).items():
        if name not in command_parameters():
            continue
        type_, option = get_args(hint)
        written = [each for each in (option.default, *(option.param_decls or ())) if isinstance(each, str)]
        assert option_of(name) in "/".join(written or [f"--{name.replace('_', '-')}"]).split("/")
        literals = [each for each in (type_, *get_args(type_)) if get_origin(each) is Literal]
        assert [get_args(literal) for literal in literals] == ([choices[name]] if name in choices else [])
        if option.min is not None:
            assert (option.min, math.inf if option.max is None else option.max) == limits[name]


def test_options_of_the_command_are_options_of_the_function(clip: Path, tmp_path: Path) -> None:
    summary = upsample(
        clip,
        tmp_path / "film.mkv",
        factor=2.5,
        end=0.2,
        engine="onnx",
        device="CPU",
        model="lite",
        precision="fp32",
        tile="off",
        flow_scale=0.5,
        codec="libx264",
        crf=0,
        preset="ultrafast",
        pix_fmt="yuv444p",
        encoder_args={"tune": "grain"},
        cuts=False,
        cut_fill="blend",
        cuts_out=str(tmp_path / "cuts.json"),
        report=str(tmp_path / "run.html"),
    )
    assert (summary.frames_in, summary.frames_out) == (5, 13)
    assert picture(tmp_path / "film.mkv")["pix_fmt"] == "yuv444p"
    assert "libx264" in (tmp_path / "run.html").read_text("utf-8")
    assert (tmp_path / "cuts.json").exists()


def test_a_preview_and_a_trial_are_returned(clip: Path, tmp_path: Path) -> None:
    trial = upsample(clip, tmp_path / "film.mkv", dry_run=True, engine="onnx", device="CPU")
    assert (trial.job.expected_frames, list(tmp_path.iterdir())) == (12, [])
    preview = upsample(clip, tmp_path / "film.mkv", preview=0.5, engine="onnx", device="CPU")
    assert preview.frames == 12


def test_a_film_is_made_and_its_progress_reported(clip: Path, tmp_path: Path) -> None:
    told: list[RunProgress] = []
    summary = upsample(
        str(clip), tmp_path / "film.mp4", fps="59.94", start=0.04, model=blend_model(), progress=told.append
    )
    assert frame_times(tmp_path / "film.mp4") == [n * Fraction(1001, 60_000) for n in range(12)]
    assert [run.done for run in told] == list(range(1, summary.frames_out + 1))
    assert (told[-1].expected, summary.frames_in) == (12, 5)


def test_failures_are_those_of_the_command_line(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        probe(tmp_path / "missing.mp4")
    (tmp_path / "film.mp4").touch()
    with pytest.raises(OutputError, match="already exists"):
        upsample(clip, tmp_path / "film.mp4", model=blend_model())
    with pytest.raises(TypeError, match="speed"):
        upsample(clip, tmp_path / "other.mp4", speed=2)
    with pytest.raises(UsageError, match="Invalid value for --duplicates: some is not one of keep, smooth"):
        upsample(clip, tmp_path / "other.mp4", duplicates="some")
    with pytest.raises(UsageError, match="nope is not one of auto, lite"):
        load_model((48, 64), "nope")


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_example_of_a_page_runs(page: str, tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", (README.parent / page).read_text("utf-8"), re.DOTALL)
    assert found
    make_clip(tmp_path / "in.mp4", codec="libx264", frames=4, size="96x64")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER)}
    command = [sys.executable, "-c", found[1]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 frames became 8 in" in done.stdout
    assert len(frame_times(tmp_path / "out.mp4")) == 8


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"fps": 59.94}, {"fps": Fraction(60000, 1001)}),
        ({"fps": 24000 / 1001, "input_fps": "pal"}, {"fps": Fraction(24000, 1001), "input_fps": Fraction(25)}),
        ({"factor": Decimal("2.5"), "fps": np.int64(60)}, {"factor": Fraction(5, 2), "fps": Fraction(60)}),
        ({"factor": np.float32(2.5), "start": 0.5, "end": "120f"}, {"end": FrameNumber(120), "start": Fraction(1, 2)}),
        ({"encoder_args": ["tune=film", ("g", 25)]}, {"encoder_args": (("tune", "film"), ("g", "25"))}),
        ({"encoder_args": {"g": 25}}, {"encoder_args": (("g", "25"),)}),
        ({"start": "1:02.5", "tile": "960x512"}, {"start": Fraction(125, 2), "tile": (960, 512)}),
    ],
)
def test_values_mean_what_they_mean_on_the_command_line(given: dict[str, Any], meant: dict[str, Any]) -> None:
    converted = _converted(given)
    assert {name: converted[name] for name in meant} == meant


@pytest.mark.parametrize(
    "wrong",
    [
        *({"factor": math.nan}, {"factor": "1/0"}, {"factor": [2]}, {"fps": "fast"}, {"start": "soon"}, {"start": -1}),
        *({"tile": "960"}, {"crf": "18"}, {"cut_threshold": "0.5"}, {"model": None}, {"preview": True}),
        *({"encoder_args": "film"}, {"encoder_args": 3}, {"encoder_args": [("tune", "film", "2")]}),
    ],
)
def test_values_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    option = option_of(next(iter(wrong)))
    with pytest.raises(UsageError, match=option):
        UpsampleRequest(**_converted(wrong))


@pytest.mark.parametrize("option", [{"weights": "mine"}, {"engine": "onnx"}, {"precision": "fp32"}, {"tile": "off"}])
def test_a_loaded_network_is_not_asked_for_again(option: dict[str, Any], clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(option))}"):
        upsample(clip, tmp_path / "film.mkv", model=blend_model(), **option)


@pytest.mark.parametrize("rate", [0, -5, "abc", math.nan])
def test_a_rate_that_images_can_not_have_is_refused(rate: Any, clip: Path) -> None:
    with pytest.raises(UsageError, match="--input-fps"):
        probe(clip, rate)


def test_a_network_is_not_loaded_for_nothing() -> None:
    with pytest.raises(UsageError, match="0x0"):
        load_model((0, 0))
