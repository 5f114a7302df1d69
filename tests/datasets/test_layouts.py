"""Data sets are recognised by their content, their triplets are the right ones, and missing files are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import make_clip

from ifrplus_cli.datasets.layouts import find_dataset
from ifrplus_cli.errors import InputError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path) -> tuple[str, list[tuple[str, ...]]]:
    """The layout, and of each triplet its group, its name and its files below the folder."""
    dataset = find_dataset(folder)
    rows = [
        (t.group, t.name, *(file.relative_to(folder).as_posix() for file in (t.left, t.true, t.right)))
        for t in dataset.triplets
    ]
    assert dataset.count == len(rows)
    return dataset.layout, rows


def write_vimeo(folder: Path) -> None:
    for name in ("00001/0001", "00001/0389", "00002/0001"):
        touch(folder, *(f"sequences/{name}/im{number}.png" for number in (1, 2, 3)))
    (folder / "tri_testlist.txt").write_text("00001/0389\n00002/0001\n\n")


def test_vimeo_takes_what_its_list_names(tmp_path: Path) -> None:
    write_vimeo(tmp_path)
    layout, rows = found(tmp_path)
    assert layout == "vimeo-triplet"
    assert [row[1] for row in rows] == ["00001/0389", "00002/0001"]
    assert rows[0][2:] == tuple(f"sequences/00001/0389/im{number}.png" for number in (1, 2, 3))


def test_ucf101_ignores_the_results_of_other_methods(tmp_path: Path) -> None:
    names = ("frame_00.png", "frame_01_gt.png", "frame_01_ours.png", "frame_02.png")
    touch(tmp_path, *(f"{number}/{name}" for number in (11, 2, 101) for name in names))
    layout, rows = found(tmp_path)
    assert layout == "ucf101"
    assert [row[1] for row in rows] == ["2", "11", "101"]
    assert rows[0][2:] == ("2/frame_00.png", "2/frame_01_gt.png", "2/frame_02.png")


@pytest.mark.parametrize("home", ["", "eval_modes/"])
def test_snu_film_finds_pictures_named_from_elsewhere(tmp_path: Path, home: str) -> None:
    touch(tmp_path, *(f"test/GOPRO_test/G_11/{number:06}.png" for number in range(1, 6)))
    touch(tmp_path, f"{home}test-easy.txt")
    listed = "data/SNU-FILM/test/GOPRO_test/G_11/00000{}.png"
    for group, numbers in (("easy", (1, 2, 3)), ("extreme", (1, 3, 5))):
        line = " ".join(listed.format(number) for number in numbers)
        (tmp_path / f"{home}test-{group}.txt").write_text(f"{line}\n")
    layout, rows = found(tmp_path)
    assert layout == "snu-film"
    frame = "test/GOPRO_test/G_11/00000{}.png".format
    assert rows == [
        ("easy", "G_11/000002", frame(1), frame(2), frame(3)),
        ("extreme", "G_11/000003", frame(1), frame(3), frame(5)),
    ]


def test_middlebury_has_its_truth_in_another_folder(tmp_path: Path) -> None:
    for name in ("Venus", "Beanbags"):
        touch(tmp_path, *(f"other-data/{name}/frame{number}.png" for number in ("09", "10", "11", "12")))
        touch(tmp_path, f"other-gt-interp/{name}/frame10i11.png")
    touch(tmp_path, "other-data/Army/frame10.png")
    layout, rows = found(tmp_path)
    assert layout == "middlebury"
    assert [row[1] for row in rows] == ["Beanbags", "Venus"]
    truth = "other-gt-interp/Venus/frame10i11.png"
    assert rows[1][2:] == ("other-data/Venus/frame10.png", truth, "other-data/Venus/frame11.png")


def test_three_pictures_in_a_folder_are_a_triplet(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a/{name}.jpg" for name in ("x", "y", "z")), *(f"b/im{number}.png" for number in (1, 2, 3)))
    touch(tmp_path, "a/notes.txt", ".cache/one.png")
    layout, rows = found(tmp_path)
    assert layout == "triplets"
    assert rows == [("", "a", "a/x.jpg", "a/y.jpg", "a/z.jpg"), ("", "b", "b/im1.png", "b/im2.png", "b/im3.png")]


def test_every_second_numbered_frame_is_dropped(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.png" for number in range(7, 13)))
    layout, rows = found(tmp_path)
    assert layout == "sequences"
    assert [row[2:] for row in rows] == [("7.png", "8.png", "9.png"), ("9.png", "10.png", "11.png")]


def test_clips_are_found_with_their_frames(tmp_path: Path) -> None:
    make_clip(tmp_path / "b.mkv", frames=6)
    make_clip(tmp_path / "a.mkv", frames=3)
    dataset = find_dataset(tmp_path)
    assert (dataset.layout, dataset.count, dataset.triplets) == ("clips", 3, ())
    assert [clip.path.name for clip in dataset.clips] == ["a.mkv", "b.mkv"]
    assert find_dataset(tmp_path / "b.mkv").count == 2


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        find_dataset(folder)
    assert error.value.hint
    return error.value.message


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    write_vimeo(tmp_path)
    (tmp_path / "sequences/00002/0001/im2.png").unlink()
    assert "sequences/00002/0001/im2.png of the triplet 00002/0001 is missing." in refused(tmp_path)
    (tmp_path / "sequences/00002/0001/im3.png").unlink()
    assert refused(tmp_path).endswith("is missing, and 1 more.")


def test_a_gap_in_numbered_frames_is_named(tmp_path: Path) -> None:
    touch(tmp_path, *(f"clip/frame{number:03}.png" for number in (1, 2, 3, 5, 6)))
    assert "gap after frame003.png" in refused(tmp_path)


def test_a_folder_of_two_pictures_is_named(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a/{number}.png" for number in (1, 2, 3)), "b/1.png", "b/2.png")
    assert f"only 2 pictures in {tmp_path / 'b'}" in refused(tmp_path)


def test_a_list_that_names_nothing_or_no_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test-hard.txt").write_text("one.png two.png\n")
    assert "Line 1 of" in refused(tmp_path)
    (tmp_path / "test-hard.txt").write_text("\n")
    assert "No triplet is named" in refused(tmp_path)
    (tmp_path / "tri_testlist.txt").write_bytes(b"\xff\xfe\x00a\n")
    assert "is missing" in refused(tmp_path)


def test_other_folders_than_data_sets_are_refused(tmp_path: Path) -> None:
    assert "no triplets, frames or clips" in refused(tmp_path)
    assert "is not a folder" in refused(tmp_path / "nowhere")
