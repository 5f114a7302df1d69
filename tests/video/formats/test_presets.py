"""Settings by what a film is for, and encoders that need hardware."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import BEEP, frame_hashes, make_clip, picture, run_blend_here, streams
from upsampling import upsample

from ifrplus_cli.errors import OutputError
from ifrplus_cli.video.formats.presets import SOCIAL_SIZE, settings_for
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.encoders import EncodeOptions


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of each kind of samples, and one with sound."""
    folder = tmp_path_factory.mktemp("purpose")
    kinds = ("yuv420p", "yuv420p10le", "yuv444p", "gbrp")
    made = {kind: make_clip(folder / f"{kind}.mkv", frames=3, size="256x144", pix_fmt=kind) for kind in kinds}
    with_sound = ("-c:a", "pcm_s16le", "-t", "0.12")
    made["sound"] = make_clip(folder / "sound.mkv", frames=3, size="256x144", inputs=BEEP, output=with_sound)
    return made


@pytest.mark.parametrize(
    ("purpose", "codec", "kind", "name", "stored"),
    [
        ("web", None, "yuv420p10le", "film.mp4", ("h264", "yuv420p", "High")),
        ("archive", None, "yuv444p", "film.mkv", ("ffv1", "yuv444p", None)),
        ("edit", None, "yuv420p", "film.mov", ("prores", "yuv422p10le", "HQ")),
        ("edit", None, "yuv444p", "film.mov", ("prores", "yuv444p12le", "4444")),
        ("edit", "dnxhd", "yuv420p", "film.mov", ("dnxhd", "yuv422p", "DNXHR HQ")),
        ("edit", "dnxhd", "yuv420p10le", "film.mov", ("dnxhd", "yuv422p10le", "DNXHR HQX")),
        ("social", None, "sound", "film.mp4", ("h264", "yuv420p", "High")),
    ],
)
def test_each_purpose_has_its_codec(
    purpose: str,
    codec: str | None,
    kind: str,
    name: str,
    stored: tuple[str, str, str | None],
    tmp_path: Path,
    sources: dict[str, Path],
) -> None:
    upsample(sources[kind], tmp_path / name, encode=EncodeOptions(codec, purpose=purpose))
    found = picture(tmp_path / name)
    assert (found["codec_name"], found["pix_fmt"], found.get("profile")) == stored
    assert int(found.get("nb_frames", 6)) == 6
    if purpose == "archive":
        assert frame_hashes(tmp_path / name, "yuv444p")[::2] == frame_hashes(sources[kind], "yuv444p")
    if kind == "sound":
        assert [stream["codec_name"] for stream in streams(tmp_path / name)] == ["h264", "aac"]


def test_what_a_person_says_goes_before_the_purpose(sources: dict[str, Path], tmp_path: Path) -> None:
    options = ("--for", "web", "--pix-fmt", "yuv444p", "--crf", "30", "--dry-run", "--json")
    done = run_blend_here("upsample", sources["yuv420p"], "film.mp4", *options, folder=tmp_path)
    assert '"crf": "30"' in done.stdout
    assert '"pixel_format": "yuv444p"' in done.stdout


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("film.mp4", EncodeOptions(purpose="archive"), "--for archive can't write .mp4"),
        ("film.mkv", EncodeOptions(purpose="edit"), "--for edit can't write .mkv"),
        ("film.mp4", EncodeOptions("libx265", purpose="web"), "--for web uses the encoder libx264"),
        ("film.mp4", EncodeOptions("h264_v4l2m2m"), "h264_v4l2m2m does not work on this machine: "),
    ],
)
def test_what_does_not_suit_is_refused(
    name: str, options: EncodeOptions, told: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=told):
        upsample(sources["yuv420p"], tmp_path / name, encode=options)
    assert not list(tmp_path.iterdir())


def test_a_small_film_is_given_the_rate_that_its_length_allows(sources: dict[str, Path]) -> None:
    clip, output = probe(sources["yuv420p"]), Path("film.mp4")
    for minutes in (1, 5, 12):
        chosen = dict(settings_for("social", clip, output, Fraction(60 * minutes), None).encoder_args)
        assert (int(chosen["maxrate"]) + 256_000) * 60 * minutes / 8 <= SOCIAL_SIZE
    with pytest.raises(OutputError, match="120 minutes do not fit into 50 MB"):
        settings_for("social", clip, output, Fraction(7200), None)
