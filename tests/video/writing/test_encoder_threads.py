"""An encoder with a given number of threads makes the bytes that it makes with the number it chooses by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clips import make_clip

from ifrplus_cli.pipeline.job import UpsampleOptions, plan_job
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encode import VideoEncoder
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.encoder_threads import chosen_threads
from ifrplus_cli.video.writing.encoders import EncodeOptions

FAST = {"libx264": "ultrafast", "libx265": "ultrafast"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames that are high enough for several threads."""
    return make_clip(tmp_path_factory.mktemp("film") / "clip.mkv", frames=8, size="96x128", codec="ffv1")


def encoded(plan: EncodePlan, film: Path, path: Path) -> bytes:
    with VideoEncoder(plan, path, segment_of=Fraction(0)) as encoder, decode(probe(film)) as frames:
        for frame in frames:
            encoder.write(frame)
        encoder.finish()
    return path.read_bytes()


@contextmanager
def one_processor() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "ffv1"])
def test_another_machine_encodes_the_same_with_the_number_of_threads(codec: str, film: Path, tmp_path: Path) -> None:
    options = UpsampleOptions(encode=EncodeOptions(codec, preset=FAST.get(codec)))
    plan = plan_job(probe(film), tmp_path / "out.mkv", options).encode
    here = encoded(plan, film, tmp_path / "here.part")
    threads = chosen_threads(codec, plan.stored_height, here)
    with one_processor():
        there = replace(plan, encoder_options=(*plan.encoder_options, ("threads", str(threads))))
        assert encoded(there, film, tmp_path / "there.part") == here


@pytest.mark.parametrize(
    ("codec", "height", "processors", "threads"),
    [
        ("mpeg4", 1080, 8, 9),
        ("mpeg4", 32, 8, 3),
        ("mpeg4", 1080, 64, 16),
        ("mpeg4", 1080, 1, 1),
        ("libvpx-vp9", 9, 64, 16),
    ],
)
def test_encoders_that_do_not_tell_have_as_many_threads_as_ffmpeg_gives_them(
    codec: str, height: int, processors: int, threads: int
) -> None:
    assert chosen_threads(codec, height, b"", processors) == threads


def test_what_an_encoder_tells_counts() -> None:
    assert chosen_threads("libx264", 1080, b"x264 - core 164 ... threads=12 lookahead_threads=2 ", 2) == 12
    assert chosen_threads("libx265", 1080, b"cpuid=1 / frame-threads=3 / ", 2) == 3
    assert chosen_threads("libx265", 1080, b"nothing", 2) is None
