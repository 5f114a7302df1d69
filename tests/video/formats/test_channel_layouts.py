"""Sound in a layout that an encoder lacks is mixed to the nearest one, not dropped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from clips import FFMPEG, make_clip, streams
from upsampling import upsample

from ifrplus_cli.video.formats.channel_layouts import COMMON, NEAREST, layout_filter, nearest_layout
from ifrplus_cli.video.writing.encoders import EncodeOptions

QUICK = EncodeOptions("libvpx", encoder_args=(("deadline", "realtime"), ("cpu-used", "8")))


@pytest.mark.parametrize(("options", "note"), [({}, True), ({"slow_motion": True}, True)])
@pytest.mark.parametrize(("layout", "stored"), [("5.1(side)", "5.1"), ("2.1", "5.1"), ("4.0", "5.0"), ("7.0", "7.1")])
def test_opus_takes_sound_of_any_layout(
    layout: str, stored: str, options: dict[str, object], note: bool, tmp_path: Path
) -> None:
    tone = ("-f", "lavfi", "-i", "sine=440:r=48000")
    source = make_clip(
        tmp_path / "in.mkv", codec="libx264", frames=12, inputs=tone,
        output=("-af", f"aformat=channel_layouts=mono,pan={layout}|{mixed(layout)}", "-c:a", "flac", "-t", "0.48"),
    )  # fmt: skip
    summary = upsample(source, tmp_path / "film.webm", encode=QUICK, **options)  # type: ignore[arg-type]
    assert [stream["channel_layout"] for stream in streams(tmp_path / "film.webm", "audio")] == [stored]
    assert any(f"stored as {stored}: libopus has no {layout}" in told for told in summary.notes) is note


def mixed(layout: str) -> str:
    """The first channel in each of a layout's."""
    count = {"5.1(side)": 6, "2.1": 3, "4.0": 4, "7.0": 7}[layout]
    return "|".join(f"c{n}=c0" for n in range(count))


def test_where_only_names_of_loudspeakers_differ_each_channel_stays_as_it_is() -> None:
    levels = [0.1, 0.2, 0.3, 0.05, 0.4, 0.5]
    sound = np.tile(np.array(levels, np.float32), (4800, 1))
    command = [FFMPEG, "-v", "error", "-f", "f32le", "-ar", "48000", "-ac", "6", "-channel_layout", "5.1(side)"]
    command += ["-i", "-", "-af", layout_filter("5.1"), "-f", "f32le", "-"]
    done = subprocess.run(command, input=sound.tobytes(), capture_output=True, check=True).stdout
    assert np.frombuffer(done, np.float32).reshape(-1, 6)[2000] == pytest.approx(levels, abs=1e-4)


def test_common_layouts_are_left_alone() -> None:
    assert [nearest_layout(layout) for layout in (*COMMON, "")] == [None] * (len(COMMON) + 1)
    assert set(NEAREST.values()) <= set(COMMON)
    assert nearest_layout("22.2") == "7.1"
