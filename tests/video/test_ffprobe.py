"""Messages for an ffprobe that does not work, or a file that is not what it seems."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import left_running_in, look_at

from ifrplus_cli.errors import InputError, MediaToolError
from ifrplus_cli.video.ffprobe import ask_ffprobe, ask_with_packets, read_packets


@pytest.mark.parametrize("script", ["#!/nonexistent\n", "#!/bin/sh\n", "#!/bin/sh\necho hello\n"])
def test_a_program_that_does_not_work_is_named_as_the_cause(
    script: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "ffprobe"
    broken.write_text(script)
    broken.chmod(0o755)
    monkeypatch.setenv("IFRPLUS_FFPROBE", str(broken))
    with pytest.raises(MediaToolError, match="does not work"):
        ask_ffprobe(clip)
    with pytest.raises(MediaToolError, match="does not work"):
        ask_with_packets(clip, "pts", lambda _: None)


def test_an_interruption_leaves_no_program_behind(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "ffprobe"
    slow.write_text("#!/bin/sh\nsleep 0.5\nkill -INT $PPID\nwhile :; do sleep 0.1; done\n")
    slow.chmod(0o755)
    monkeypatch.setenv("IFRPLUS_FFPROBE", str(slow))
    with pytest.raises(KeyboardInterrupt):
        ask_ffprobe(clip)
    assert not left_running_in(tmp_path)


def test_packets_come_one_by_one_with_the_requested_entries(clip: Path) -> None:
    packets = list(read_packets(clip, 0, "pts,flags"))
    assert len(packets) == 6
    assert all(set(packet) == {"pts", "flags"} for packet in packets)


def test_an_answer_comes_with_all_packets(talking: Path) -> None:
    packets: list[dict[str, object]] = []
    answer = ask_with_packets(talking, "pts,flags", packets.append)
    seen = look_at(talking)
    assert answer == {part: seen[part] for part in ("streams", "chapters", "format")}
    assert packets == [{name: packet[name] for name in ("stream_index", "pts", "flags")} for packet in seen["packets"]]


def test_packets_of_other_files_than_films_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("This is not a film.\n" * 100)
    with pytest.raises(InputError, match="can't be read as a film"):
        list(read_packets(text, 0, "pts"))
