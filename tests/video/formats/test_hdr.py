"""HDR films keep their transfer curve, and the metadata on the display and their brightest parts."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ffmpeg, frame_hashes, make_clip, picture, probe_once, run_blend_here

from ifrplus_cli.errors import InputError
from ifrplus_cli.values import ContentLight, LightInfo, MasteringDisplay, Timing
from ifrplus_cli.video.formats.hdr import light_faults, light_notes, light_options, read_light
from ifrplus_cli.video.reading.decode import decode
from ifrplus_cli.video.writing.encode_plan import EncodePlan, plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.targets import target_of

PQ = "setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
HLG = PQ.replace("smpte2084", "arib-std-b67")
GRADED = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
DISPLAY = MasteringDisplay(
    red=(Fraction(34000, 50000), Fraction(16000, 50000)),
    green=(Fraction(13250, 50000), Fraction(34500, 50000)),
    blue=(Fraction(7500, 50000), Fraction(3000, 50000)),
    white=(Fraction(15635, 50000), Fraction(16450, 50000)),
    min_luminance=Fraction(1, 10000),
    max_luminance=Fraction(1000),
)
LIGHT = LightInfo(DISPLAY, ContentLight(1000, 400))
DOLBY_VISION = ("moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1")


def make_hdr(path: Path, *, filters: str = PQ, params: str = GRADED) -> Path:
    output = ("-x265-params", f"log-level=none:{params}", "-tag:v", "hvc1") if params else ("-tag:v", "hvc1")
    size = "96x64"  # SVT-AV1 takes no smaller ones
    return make_clip(path, frames=3, size=size, pix_fmt="yuv420p10le", codec="libx265", filters=filters, output=output)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of HDR10 whose metadata lies in the H.265 stream."""
    return make_hdr(tmp_path_factory.mktemp("hdr") / "graded.mp4")


def plan(source: Path, output: Path, options: EncodeOptions | None = None) -> EncodePlan:
    clip = probe_once(source)
    timing = Timing(clip.time_base, clip.rate, 1 / clip.rate)
    return plan_encode(clip, target_of(output), options or EncodeOptions(), timing)


def add_dolby_vision(film: Path, compatibility: int) -> None:
    """Give an mp4 of H.265, whose index is behind its frames, a Dolby Vision configuration."""
    data = bytearray(film.read_bytes())
    profile, level, flags = 8 if compatibility else 5, 1, 0b101
    packed = (profile << 9) | (level << 3) | flags
    box = struct.pack(">I4sBBHB19x", 32, b"dvcC", 1, 0, packed, compatibility << 4)
    place, sizes = 0, []
    for name in DOLBY_VISION:
        place = data.index(name.encode(), place)
        sizes.append(place - 4)
    for size in sizes:
        data[size : size + 4] = struct.pack(">I", struct.unpack_from(">I", data, size)[0] + len(box))
    end = sizes[-1] + struct.unpack_from(">I", data, sizes[-1])[0] - len(box)
    data[end:end] = box
    film.write_bytes(data)


def test_metadata_of_the_first_frame_is_read(graded: Path) -> None:
    assert probe_once(graded).light == LIGHT


def test_a_film_of_standard_range_has_no_metadata(clip: Path) -> None:
    assert probe_once(clip).light == LightInfo()


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.mp4", None),
        ("film.mov", None),
        ("film.mkv", None),
        ("film.webm", None),
        ("film.mkv", "ffv1"),
        ("film.mp4", "libsvtav1"),
        ("film.mp4", "libx264"),
        ("film.mov", "prores_ks"),
    ],
)
def test_the_metadata_is_in_the_finished_film(name: str, codec: str | None, graded: Path, tmp_path: Path) -> None:
    chosen = ("--codec", codec) if codec else ()
    done = run_blend_here("upsample", graded, name, *chosen, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = probe_once(tmp_path / name)
    assert light_faults(found.light, LIGHT) == []
    assert found.colour.transfer == "smpte2084"


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
def test_the_metadata_is_in_the_bare_stream_too(codec: str, graded: Path, tmp_path: Path) -> None:
    arguments = ("upsample", graded, "film.mp4", "--codec", codec)
    assert run_blend_here(*arguments, folder=tmp_path).returncode == 0
    bare = tmp_path / ("bare.hevc" if codec == "libx265" else "bare.obu")
    ffmpeg("-i", tmp_path / "film.mp4", "-c", "copy", bare)
    assert light_faults(probe_once(bare).light, LIGHT) == []


@pytest.mark.parametrize(
    ("filters", "pix_fmt", "name", "codec"),
    [
        (PQ, "yuv420p10le", "a.mp4", "libx265"),
        (HLG, "yuv420p10le", "a.mov", "libx265"),
        (PQ, "yuv420p10le", "a.webm", "libvpx-vp9"),
        ("null", "yuv420p10le", "a.mp4", "libx264"),
        ("null", "yuv422p12le", "a.mp4", "libx265"),
        ("null", "gbrp10le", "a.mkv", "libx265"),
    ],
)
def test_hdr_and_12_bit_are_stored_in_h265(filters: str, pix_fmt: str, name: str, codec: str, tmp_path: Path) -> None:
    made = plan(make_clip(tmp_path / "film.mkv", frames=1, pix_fmt=pix_fmt, filters=filters), tmp_path / name)
    assert (made.codec, made.pix_fmt) == (codec, "yuv420p10le" if filters != "null" else pix_fmt)


def test_h265_in_mp4_has_the_name_that_players_ask_for(graded: Path, tmp_path: Path) -> None:
    assert run_blend_here("upsample", graded, "film.mp4", folder=tmp_path).returncode == 0
    assert picture(tmp_path / "film.mp4")["codec_tag_string"] == "hvc1"


@pytest.mark.parametrize("filters", [PQ, HLG])
def test_frames_are_mixed_in_their_own_curve(filters: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "film.mkv", pix_fmt="yuv444p10le", frames=3, filters=filters)
    arguments = ("upsample", source, "out.mkv", "--codec", "ffv1", "--no-cuts")
    assert run_blend_here(*arguments, folder=tmp_path).returncode == 0
    assert frame_hashes(tmp_path / "out.mkv", "yuv444p10le")[::2] == frame_hashes(source, "yuv444p10le")
    with decode(probe_once(tmp_path / "out.mkv")) as decoder:
        left, made, right, *_ = (np.stack(frame.planes).astype(float) for frame in decoder)
    assert np.abs(made - (left + right) / 2).max() <= 1


def test_a_persons_own_parameters_are_added(graded: Path, tmp_path: Path) -> None:
    options = EncodeOptions(encoder_args=(("x265-params", "keyint=10"), ("forced-idr", "1")))
    chosen = dict(plan(graded, tmp_path / "a.mkv", options).encoder_options)
    assert chosen["x265-params"] == f"{GRADED}:keyint=10"
    assert chosen["forced-idr"] == "1"


def test_the_loss_of_dolby_vision_is_reported(tmp_path: Path) -> None:
    film = make_hdr(tmp_path / "film.mp4", filters=HLG, params="")
    add_dolby_vision(film, compatibility=4)
    done = run_blend_here("upsample", film, "out.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The Dolby Vision metadata is lost" in " ".join(done.stderr.split())


def test_colours_that_only_dolby_vision_can_show_are_refused(tmp_path: Path) -> None:
    film = make_hdr(tmp_path / "film.mp4", params="")
    add_dolby_vision(film, compatibility=0)
    with pytest.raises(InputError, match="can't be shown without its Dolby Vision metadata"):
        plan(film, tmp_path / "out.mp4")


def test_other_dynamic_metadata_is_named_once() -> None:
    kind = {"side_data_type": "HDR Dynamic Metadata SMPTE2094-40 (HDR10+)"}
    (note,) = light_notes(read_light([kind, kind]))
    assert note.startswith("The HDR10+ metadata is lost")


def test_incomplete_metadata_is_ignored() -> None:
    data = {"side_data_type": "Mastering display metadata", "min_luminance": "1/10000", "max_luminance": "1000/1"}
    assert read_light([data]) == LightInfo()


def test_an_encoder_without_such_options_gets_none() -> None:
    assert light_options("ffv1", LIGHT) == {}
    assert light_options("libx265", LightInfo()) == {}


def test_lost_metadata_is_a_fault() -> None:
    assert light_faults(LightInfo(), LIGHT) == [
        "its mastering display metadata differs from the source's",
        "its content light metadata differs from the source's",
    ]
