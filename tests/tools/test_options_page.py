"""``docs/options.md`` is what the program's help says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
options_page = pytest.importorskip("options_page")


def test_the_page_is_that_of_the_program() -> None:
    made = options_page.options_page()
    assert (ROOT / "docs" / "options.md").read_text("utf-8") == made, "run: make docs"


def test_the_page_has_every_option_of_every_command() -> None:
    page = options_page.options_page()
    assert page.count("\n## ifrplus ") == page.count("](#ifrplus-")
    assert all(f"`{option}" in page for option in ("--factor", "--duplicates", "--videos", "--from", "-y, --overwrite"))
