"""What is suggested for a mistyped word."""

from __future__ import annotations

import pytest

from ifrplus_cli.suggestions import did_you_mean


@pytest.mark.parametrize(
    ("word", "question"),
    [("lit", "Did you mean lite?"), ("IFRPLUS", "Did you mean ifrplus?"), ("--ritfe", ""), ("xyz", ""), ("", "")],
)
def test_the_nearest_word_is_suggested_if_one_is_near(word: str, question: str) -> None:
    assert did_you_mean(word, ("auto", "lite", "ifrplus")) == question


def test_a_suggestion_is_written_as_it_is_known() -> None:
    assert did_you_mean("gpu:", ("CPU", "GPU")) == "Did you mean GPU?"
