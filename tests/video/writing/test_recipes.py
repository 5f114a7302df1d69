"""Each kind of file has its own command, and its own work when that has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import pytest
from made_up import clip_of

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import Timing
from ifrplus_cli.video.writing.encode_command import encoded_picture
from ifrplus_cli.video.writing.encode_plan import EncodePlan, plan_encode
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.recipes import segment
from ifrplus_cli.video.writing.target import Recipe
from ifrplus_cli.video.writing.targets import target_of

TIMING = Timing(Fraction(1, 12800), Fraction(50), Fraction(1, 50))


@pytest.fixture
def folders() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def plan_for(path: Path) -> EncodePlan:
    return plan_encode(clip_of(3, "gbrp"), target_of(path), EncodeOptions(), TIMING)


def command_of(recipe: Recipe, plan: EncodePlan) -> str:
    return " ".join(recipe.command(encoded_picture(plan, 0)))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("film.mkv", ("-f matroska", "film.mkv")),
        ("a.apng", ("-f apng", "-plays 0", "a.apng")),
        ("a.webp", ("-f webp", "-loop 0", "a.webp")),
        ("out/%04d.png", ("-f image2", "-start_number 1", "./%04d.png")),
    ],
)
def test_a_command_names_its_kind_of_file(name: str, told: tuple[str, ...], folders: ExitStack, tmp_path: Path) -> None:
    plan = plan_for(tmp_path / name)
    recipe = plan.target.recipe(plan, plan.target.path, folders)
    command = command_of(recipe, plan)
    assert all(part in command for part in told)
    assert recipe.folder == (plan.target.path if "%" in name else None)


def test_a_gif_is_drawn_when_all_of_its_colours_are_known(folders: ExitStack, tmp_path: Path) -> None:
    plan = plan_for(tmp_path / "a.gif")
    recipe = plan.target.recipe(plan, plan.target.path, folders)
    assert "-c:v:0 ffv1" in command_of(recipe, plan)
    ran: list[list[str]] = []
    recipe.finish(Fraction(1), ran.append)
    palette, drawn = map(" ".join, ran)
    assert "palettegen" in palette
    assert "paletteuse" in drawn
    folders.close()
    assert not list(tmp_path.iterdir())


def test_a_webp_that_is_one_image_is_refused(folders: ExitStack, tmp_path: Path) -> None:
    plan = plan_for(tmp_path / "a.webp")
    plan.target.path.write_bytes(b"RIFF....WEBPVP8 ........")
    with pytest.raises(OutputError, match="All frames are alike"):
        plan.target.recipe(plan, plan.target.path, folders).finish(Fraction(0), lambda _: None)


def test_a_segment_is_the_picture_alone(tmp_path: Path) -> None:
    plan = plan_for(tmp_path / "film.mkv")
    command = command_of(segment(plan, tmp_path / "000000.segment"), plan)
    assert command.count("-i ") == 1
    assert "-f mov" in command
