"""Reports: one file, safe whatever names it contains, and interactive in a browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from ifrplus_cli.errors import OutputError
from ifrplus_cli.frames.pictures import LARGEST_SHOWN
from ifrplus_cli.reports.html import Chart, Line, PictureRow, Report, data_uri, render, write_report

EVIL = "</script><script>alert('x')</script>\"&"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def report() -> Report:
    picture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    seconds = [0.0, 0.5, 1.0, 60.0]
    charts = [
        Chart("PSNR", "dB", seconds, [Line("made", [30, 31, 32, 33]), Line(EVIL, [20, 21, 22, 23])]),
        Chart("Motion", "pixels", seconds, [Line("motion", [5, 5, 5, 5])]),
        Chart("Loss", "", [1, 2, 900], [Line("loss", [3, 2, 1])], "steps"),
    ]
    rows = [PictureRow(EVIL, {"true": picture, "made": picture})]
    return Report(EVIL, "a subtitle", {"PSNR": "31 dB"}, ["One sentence."], charts, rows, {"Clip": {"name": EVIL}})


def test_names_are_text_and_never_markup() -> None:
    text = render(report())
    assert "alert('x')" not in text
    assert text.count("<script>") == 1
    found = re.search(r"const charts = (.*);\n", text)
    assert found is not None
    assert json.loads(found[1])[0]["lines"][1]["name"] == EVIL


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = render(report())
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "@import" not in text and '<link rel="stylesheet"' not in text


def test_pictures_are_made_smaller_and_keep_their_colours() -> None:
    large = np.zeros((1080, 1920, 3), np.uint8)
    large[:] = (200, 40, 10)
    coded = base64.b64decode(data_uri(large).removeprefix("data:image/jpeg;base64,"))
    seen = cv2.cvtColor(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert seen.shape == (LARGEST_SHOWN * 9 // 16, LARGEST_SHOWN, 3)
    assert np.abs(seen.astype(int) - (200, 40, 10)).max() < 6


def test_parts_that_are_empty_are_left_out() -> None:
    text = render(Report("t", "s", {"a": "b"}, [], [], [], {}))
    assert "<script>" not in text
    assert "<h2>" not in text


def test_the_file_is_complete_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(report(), path)
    assert path.read_text("utf-8").rstrip().endswith("</html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(OutputError, match="can't be written"):
        write_report(report(), tmp_path / "no" / "report.html")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_plot_is_drawn_in_a_browser_without_complaints(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(report(), path)
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    talk = ("--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000", "--dump-dom")
    done = subprocess.run(
        [str(BROWSER), *flags, *talk, path.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.count("<path ") == 2
    assert re.search(r'<path d="M46\.0 [\d.]+L', done.stdout)
    assert done.stdout.count("<button") == 3
    assert "CONSOLE" not in done.stderr


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_page_fits_a_phone(tmp_path: Path) -> None:
    write_report(report(), tmp_path / "report.html")
    measured = "document.title = 'wide ' + phone.contentDocument.documentElement.scrollWidth"
    frame = '<iframe id="phone" src="report.html" style="width:390px;border:0"></iframe>'
    (tmp_path / "phone.html").write_text(f"<title></title>{frame}<script>onload = () => {{ {measured}; }}</script>")
    told = browse(tmp_path / "phone.html", "--allow-file-access-from-files", "--hide-scrollbars", "--dump-dom")
    assert "<title>wide 390</title>" in told


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize(("setting", "is_light"), [("preferredColorScheme=1", True), ("preferredColorScheme=0", False)])
def test_the_page_is_light_or_dark_as_the_screen_is(tmp_path: Path, setting: str, is_light: bool) -> None:
    write_report(report(), tmp_path / "report.html")
    picture = tmp_path / "seen.png"
    browse(tmp_path / "report.html", f"--blink-settings={setting}", f"--screenshot={picture}")
    assert (cv2.imread(str(picture))[:10, :10].mean() > 128) == is_light


def browse(page: Path, *options: str) -> str:
    """What a browser without a window writes."""
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}")
    command = [str(BROWSER), *flags, "--virtual-time-budget=2000", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
