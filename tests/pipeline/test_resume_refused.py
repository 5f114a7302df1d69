"""A run whose finished film was refused by the check: its frames are enough for another container or program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clips import BEEP, blend_model, ffmpeg, frame_hashes, make_clip, probe_once
from upsampling import upsample

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.pipeline import resume, run, segments
from ifrplus_cli.pipeline.fingerprint import Fingerprint
from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.video.writing.encoders import EncodeOptions

CODEC = EncodeOptions("libx264", preset="ultrafast")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source; the run to ``out.mkv`` has made all its frames, and was refused."""
    folder = tmp_path_factory.mktemp("refused")
    film = make_clip(folder / "in.mp4", frames=30, codec="libx264", inputs=BEEP, output=("-c:a", "aac", "-t", 1.2))

    def refuse(*_: object) -> None:
        raise OutputError("The finished file is not what was promised: its sound is gone.", "Try another container.")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OutputError) as error:
        patch.setattr(segments, "FRAMES", 20)
        patch.setattr(run, "verify", refuse)
        upsample(film, folder / "out.mkv", encode=CODEC)
    assert "All 60 frames are kept: --resume makes the film from them" in error.value.hint
    return folder


@pytest.fixture
def refused(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source, in a copy of that folder."""
    monkeypatch.setattr(segments, "FRAMES", 20)
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)  # with the dates of the files
    assert (tmp_path / "out.mkv.ifrplus").is_dir()
    return tmp_path / "in.mp4"


def never(*_: object) -> object:
    raise AssertionError("a frame is made again")


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out.mov"])
def test_another_container_takes_the_same_frames(name: str, refused: Path, tmp_path: Path) -> None:
    summary = upsample(refused, tmp_path / name, network=never, encode=CODEC, resume=True)
    assert summary.frames_out == len(frame_hashes(tmp_path / name, "yuv420p")) == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", name]


def test_a_later_version_takes_them(refused: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "__version__", "99.0")
    assert upsample(refused, tmp_path / "out.mkv", network=never, encode=CODEC, resume=True).frames_out == 60


def test_other_options_do_not(refused: Path, tmp_path: Path) -> None:
    other = EncodeOptions("libx264", crf=40, preset="ultrafast")
    with pytest.raises(InputError, match="can't be continued: encoder options"):
        upsample(refused, tmp_path / "out.mkv", network=never, encode=other, resume=True)
    assert upsample(refused, tmp_path / "out.mp4", encode=other, resume=True).frames_out == 60
    assert (tmp_path / "out.mkv.ifrplus").is_dir(), "frames of another run are left alone"


def test_a_container_that_needs_the_picture_turned_does_not(tmp_path: Path) -> None:
    """Upside down, a picture has the same size as upright."""
    flat, phone = make_clip(tmp_path / "flat.mp4", codec="libx264"), tmp_path / "phone.mp4"
    ffmpeg("-i", flat, "-c", "copy", "-metadata:s:v", "rotate=180", phone)
    film = probe_once(phone)
    if film.display_matrix is None:
        pytest.skip("this ffmpeg writes no rotation")
    terms = [
        resume.terms_of(plan_job(film, tmp_path / name, UpsampleOptions()), blend_model(), Fingerprint.of(phone))
        for name in ("out.mp4", "out.mkv")
    ]
    assert [each["turned upright"] for each in terms] == ["False", "True"]
