"""Where ffmpeg's programs are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifrplus_cli.errors import MediaToolError
from ifrplus_cli.video.ffmpeg import find_tool, last_line, source_url, tool_version


@pytest.mark.parametrize("name", ["ffmpeg", "ffprobe"])
def test_a_missing_program_is_named_with_the_way_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"IFRPLUS_{name.upper()}", "/nonexistent/tool")
    with pytest.raises(MediaToolError) as missing:
        find_tool(name)
    assert "/nonexistent/tool" in missing.value.message
    assert "apt-get install -y ffmpeg" in missing.value.hint


def test_programs_come_from_the_environment_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "my ffprobe"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("IFRPLUS_FFPROBE", str(mine))
    assert find_tool("ffprobe") == str(mine)
    monkeypatch.delenv("IFRPLUS_FFPROBE")
    assert Path(find_tool("ffprobe")).name == "ffprobe"


def test_a_program_is_asked_for_its_version_once_unless_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, asked = tmp_path / "ffmpeg", tmp_path / "asked"
    monkeypatch.setenv("IFRPLUS_FFMPEG", str(mine))
    for number in ("8.1", "8.1.2"):
        mine.write_text(f"#!/bin/sh\necho x >>{asked}\necho ffmpeg version {number} Copyright\n")
        mine.chmod(0o755)
        for _ in range(3):
            assert tool_version("ffmpeg") == f"{number} ({mine})"
    assert asked.read_text() == 2 * "x\n"


def test_the_last_message_is_reported_without_address_and_path(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    said = f"[mov @ 0x55d0] first\n[in#0 @ 0x55d1] {source_url(film)}: Invalid data found.\n\n".encode()
    assert last_line(said, film) == "Invalid data found"
    assert last_line(b"", film) == "no reason was given"
