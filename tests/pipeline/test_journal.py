"""The job folder of a long run: what it keeps, what it forgives, and what it refuses."""

from __future__ import annotations

import json
import random
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.pipeline.journal import Journal, JournalState, Segment, Totals
from ifrplus_cli.pipeline.resume import resumable
from ifrplus_cli.stopping import StoppedError

TOTALS = Totals(2, 4, 1, {"motion": 1}, Fraction(0), Fraction(3, 25), ("Mind this.",), (Cut(1, Fraction(1, 25), 0.5),))


def journal_with(folder: Path, *contents: bytes) -> Journal:
    journal = Journal.of(folder / "film.mkv", {"factor": "2"})
    for number, content in enumerate(contents):
        part = journal.next_part()
        part.write_bytes(content)
        journal.add(part, 2, Fraction(2 * number, 25), Fraction(2 * number + 1, 25), "header")
    return journal


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = journal_with(tmp_path, b"one", b"two")
    read = Journal.read(written.folder)
    assert read.state == written.state
    assert read.frames == 4
    assert written.folder.stat().st_mode & 0o777 == 0o700
    assert "duration 0.080000" in read.list_segments().read_text()
    written.finish(TOTALS)
    assert Journal.read(written.folder).state.totals == TOTALS
    read.discard()
    assert not written.folder.exists()


def test_nothing_is_there_before_the_first_segment_counts(tmp_path: Path) -> None:
    journal = Journal.of(tmp_path / "film.mkv", {"factor": "2"})
    assert not journal.folder.exists()
    journal.next_part().write_bytes(b"half")
    with pytest.raises(OutputError, match="missing or damaged"):
        Journal.read(journal.folder)
    assert not journal.next_part().exists()  # what was half written is begun anew


@pytest.mark.parametrize("raised", [OutputError("The disk is full."), StoppedError(""), KeyboardInterrupt()])
@pytest.mark.parametrize("finished", [0, 1])
def test_a_run_that_ends_before_its_first_segment_leaves_no_folder(
    finished: int, raised: BaseException, tmp_path: Path
) -> None:
    journal = journal_with(tmp_path, *[b"one"] * finished)
    with pytest.raises(type(raised)), resumable(journal):
        journal.next_part()
        (journal.folder / "record.json.part").write_text("half")
        raise raised
    assert journal.folder.exists() is bool(finished)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "terms": 3}'])
def test_a_damaged_record_is_said_to_be_damaged(text: str, tmp_path: Path) -> None:
    journal = journal_with(tmp_path, b"one")
    (journal.folder / "record.json").write_text(text)
    with pytest.raises(OutputError, match="missing or damaged"):
        Journal.read(journal.folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [("start", "1/0"), ("last", "soon"), ("frames", 0), ("frames", [2]), ("size", -1), ("sha", "0"), ("start", 1e400)],
)
def test_a_segment_that_cant_be_is_said_to_be_damaged(name: str, value: object, tmp_path: Path) -> None:
    journal = journal_with(tmp_path, b"one", b"two")
    record = json.loads((journal.folder / "record.json").read_text())
    record["segments"][1][name] = value
    (journal.folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(OutputError, match="missing or damaged"):
        Journal.read(journal.folder)


def test_a_record_with_bytes_changed_is_read_or_said_to_be_damaged(tmp_path: Path) -> None:
    journal, chance, damaged = journal_with(tmp_path, b"one", b"two"), random.Random(1), 0
    journal.finish(TOTALS)
    path = journal.folder / "record.json"
    whole = path.read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        try:
            assert Journal.read(journal.folder).frames > 0
        except OutputError as error:
            damaged += "missing or damaged" in error.message
    assert damaged > 30


def test_what_differs_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="factor was 2 and is 3; codec was not stated and is ffv1"):
        journal_with(tmp_path).check_terms({"factor": "3", "codec": "ffv1"})


def test_all_behind_a_damaged_segment_is_forgotten(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, b"one", b"two", b"three")
    journal.path_of(1).write_bytes(b"owt")
    assert journal.drop_damaged() == 2
    assert len(json.loads((journal.folder / "record.json").read_text())["segments"]) == 1


def test_other_files_in_a_job_folder_are_left_alone(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, b"one")
    (journal.folder / "mine.txt").write_text("precious")
    journal.discard()
    assert [path.name for path in journal.folder.iterdir()] == ["mine.txt"]


@given(
    rate=st.fractions(Fraction(1, 10), 240, max_denominator=1001),
    counts=st.lists(st.integers(1, 500), min_size=1, max_size=20),
    late=st.fractions(0, 10, max_denominator=90_000),
)
def test_segments_are_listed_where_they_start_to_the_microsecond(
    rate: Fraction, counts: list[int], late: Fraction
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        firsts = [sum(counts[:number]) for number in range(len(counts))]
        starts = [late + first / rate for first in firsts]
        segments = tuple(Segment(n, start, start, 1, "", "") for n, start in zip(counts, starts, strict=True))
        lines = Journal(Path(folder), JournalState({}, segments)).list_segments().read_text().splitlines()
    assert lines[0] == "ffconcat version 1.0"
    assert lines[1::2] == [f"file {number:06}.segment" for number in range(len(counts))]
    lengths = [Fraction(line.removeprefix("duration ")) for line in lines[2::2]]
    for number, start in enumerate(starts):
        assert abs(sum(lengths[:number]) - (start - late)) <= Fraction(1, 2_000_000)


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    journal = Journal.of(tmp_path / "film.mkv", {})
    journal.folder.write_text("a file")
    with pytest.raises(OutputError, match="Nothing can be written"):
        journal.next_part()
