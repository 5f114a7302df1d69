"""Downloads from a server on this machine: cut off, resumed, refused, concurrent, redirected, without space."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest
from checkpoint_files import checkpoint
from clips import PROGRAM, run_here, run_program
from web import Answer, Site, serving

from ifrplus_cli.errors import DownloadError, IfrplusError, OutputError
from ifrplus_cli.weights import transfer
from ifrplus_cli.weights.download import DownloadOptions, InstalledWeights, download_weights
from ifrplus_cli.weights.manifest import MANIFEST, WeightsEntry
from ifrplus_cli.weights.transfer import Transfer

CONTENT = checkpoint()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = len(CONTENT) * 4 // 10
NAME = "ifr_plus_v155_tuned.ckpt"
PART, RECORD, LOCK = f"{NAME}.part", f"{NAME}.json", f"{NAME}.lock"
IN_PLACE = {NAME, RECORD, LOCK}


@pytest.fixture(autouse=True)
def here_and_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and no waiting before another attempt."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(CONTENT)) as site:
        yield site


def fetch(
    url: str | tuple[str, ...],
    folder: Path,
    *,
    said: list[str] | None = None,
    seen: list[Transfer] | None = None,
    published: str | None = None,
    **options: Any,
) -> InstalledWeights:
    urls = (url,) if isinstance(url, str) else url
    entry = replace(MANIFEST["ifrplus"], urls=urls, sha256=published)
    progress = (lambda _: None) if seen is None else seen.append
    say = (lambda _: None) if said is None else said.append
    return download_weights(entry, DownloadOptions(folder, **options), progress, say)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def refused(kind: type[IfrplusError], run: Callable[[], object]) -> str:
    """Return message and hint of an error, after checking that they are readable."""
    with pytest.raises(kind) as caught:
        run()
    error = caught.value
    assert error.message.endswith(".")
    assert error.hint.endswith((".", "://"))
    assert "\n" not in error.message + error.hint
    return f"{error.message} {error.hint}"


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


# Through the command line.


def test_a_download_is_put_in_place_with_a_record(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "weights"
    environment = {"IFRPLUS_WEIGHTS": str(folder)}
    first = run_here("download-weights", "--url", site.url, folder=tmp_path, environment=environment)
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert first.stderr.count("done: ") == 1
    assert f"sha256 {SHA256} (not compared: none is published; recorded in {RECORD})" in first.stderr
    assert (folder / NAME).read_bytes() == CONTENT
    assert names_in(folder) == IN_PLACE
    record = json.loads((folder / RECORD).read_text())
    assert (record["url"], record["size"], record["sha256"]) == (site.url, len(CONTENT), SHA256)
    assert record["date"].startswith("20")

    again = run_here("download-weights", "--json", folder=tmp_path, environment=environment)
    assert (again.returncode, again.stderr) == (0, "")
    told = json.loads(again.stdout)
    assert (told["fresh"], told["enforced"], told["url"], told["sha256"]) == (False, True, site.url, SHA256)
    assert len(site.asked) == 1
    listed = json.loads(
        run_here("download-weights", "--list", "--json", folder=tmp_path, environment=environment).stdout
    )
    assert listed["ifrplus"]["path"] == str(folder / NAME)


def test_an_interrupted_download_resumes_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(cut=CUT, stalls=True)]
    command = [*PROGRAM, "download-weights", "--url", site.url, "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (tmp_path / PART).exists() and (tmp_path / PART).stat().st_size >= CUT - 8192)
    process.send_signal(signal.SIGINT)
    told, complained = process.communicate(timeout=20)
    assert (process.returncode, told) == (130, "")
    assert "no weights were installed; run the same command again" in complained
    assert "Traceback" not in complained
    assert names_in(tmp_path) == {PART, f"{PART}.json", LOCK}
    arrived = (tmp_path / PART).stat().st_size
    assert 0 < arrived <= CUT

    done = run_here("download-weights", "--url", site.url, "--dir", tmp_path, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert site.ranges == [None, f"bytes={arrived}-"]
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert names_in(tmp_path) == IN_PLACE
    assert f"--weights {tmp_path / NAME}" in done.stderr, "a folder that is not searched"


def test_two_at_once_download_once(site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(cut=CUT, stalls=True)]
    command = [*PROGRAM, "download-weights", "--url", site.url, "--dir", str(tmp_path)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: bool(site.asked))
    second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert "Another process is downloading" in second.stderr.readline()
    site.go_on.set()
    assert "done" in first.communicate(timeout=20)[1]
    assert "already exists" in second.communicate(timeout=20)[1]
    assert (first.returncode, second.returncode, len(site.asked)) == (0, 0, 1)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_full_disk_keeps_what_has_arrived(site: Site, tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -f 512; exec "$@"', "sh", *PROGRAM)
    arguments = ("download-weights", "--url", site.url, "--dir", tmp_path, "--json")
    done = run_program(*arguments, folder=tmp_path, program=limited)
    error, hint = done.stderr.splitlines()
    assert (done.returncode, error) == (1, "error: The disk is full.")
    assert json.loads(done.stdout)["message"] == "The disk is full."
    assert hint.startswith("hint: Free some space")
    arrived = (tmp_path / PART).stat().st_size
    assert 0 < arrived < len(CONTENT)
    assert run_here(*arguments, folder=tmp_path).returncode == 0
    assert site.ranges == [None, f"bytes={arrived}-"]
    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--url", "{url}"), "could not be downloaded: the server answered 404 Not Found."),
        (("--url", "{url}", "--sha256", "0" * 64), "could not be downloaded: the server answered 404 Not Found."),
        (("--url", "http://example.com/weights.ckpt"), "http://example.com/weights.ckpt is not an https address."),
        (("lite",), "The weights lite come with the program."),
    ],
)
def test_a_failure_is_one_sentence_and_one_hint(
    arguments: tuple[str, ...], told: str, site: Site, tmp_path: Path
) -> None:
    site.default = Answer(status=404)
    whole = [argument.format(url=site.url) for argument in arguments]
    done = run_here("download-weights", *whole, "--dir", tmp_path / "weights", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert error.endswith(told)
    assert hint.startswith("hint: ")
    assert len(site.asked) <= 1, "an answer that will not change is not asked for again"


@pytest.mark.parametrize("arguments", [("nope",), ("--sha256", "abc"), ("--nope",)])
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run_here("download-weights", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_the_list_names_licence_source_and_place(tmp_path: Path) -> None:
    done = run_here("download-weights", "--list", folder=tmp_path, environment={"IFRPLUS_WEIGHTS": "/nowhere"})
    assert (done.returncode, done.stderr) == (0, "")
    for entry in MANIFEST.values():
        assert all(told in done.stdout for told in (entry.name, entry.licence, entry.source, *entry.urls))
    assert "lite.safetensors" in done.stdout
    assert "no; download-weights puts it in /nowhere" in done.stdout
    assert "none published" in done.stdout


# What goes wrong on the way.


def test_a_connection_that_breaks_at_40_percent_is_resumed(site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(cut=CUT)]
    said: list[str] = []
    seen: list[Transfer] = []
    outcome = fetch(site.url, tmp_path, said=said, seen=seen)
    assert site.ranges == [None, f"bytes={CUT}-"]
    assert site.asked[1]["If-Range"] == '"v1"'
    assert said == [f"The download broke off: only {CUT} of {len(CONTENT)} bytes have arrived. Trying again in 0 s."]
    assert Transfer(CUT, len(CONTENT)) in seen
    assert seen[-1] == Transfer(len(CONTENT), len(CONTENT))
    assert (outcome.sha256, outcome.fresh, outcome.path.read_bytes()) == (SHA256, True, CONTENT)
    assert names_in(tmp_path) == IN_PLACE


def test_attempts_that_make_progress_are_not_counted(site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(cut=len(CONTENT) // 10)] * 7
    assert fetch(site.url, tmp_path).sha256 == SHA256


@pytest.mark.parametrize(
    ("etag", "second"),
    [
        ('"v1"', Answer(ranges=False)),  # the server knows no ranges
        (None, Answer()),  # it does not say which version it sends
        ('W/"v1"', Answer()),  # a weak one does not promise the same bytes
    ],
)
def test_what_cant_be_resumed_starts_again(etag: str | None, second: Answer, site: Site, tmp_path: Path) -> None:
    site.etag, site.answers = etag, [Answer(cut=CUT), second]
    assert fetch(site.url, tmp_path).path.read_bytes() == CONTENT
    assert len(site.asked) == 2
    assert (site.ranges[1] is None) == (etag != '"v1"')


def test_another_version_on_the_server_starts_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(checkpoint(seed=2)[:CUT])
    (tmp_path / f"{PART}.json").write_text(json.dumps({"url": site.url, "etag": '"v0"'}))
    assert fetch(site.url, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [f"bytes={CUT}-"]


@pytest.mark.parametrize("second", [Answer(etag='"v2"'), Answer(status=416)])
def test_the_rest_of_another_version_is_not_appended(second: Answer, site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(cut=CUT), second]
    assert fetch(site.url, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None, f"bytes={CUT}-", None]


def test_a_part_from_another_address_is_not_continued(site: Site, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(CONTENT[:CUT])
    (tmp_path / f"{PART}.json").write_text(json.dumps({"url": "https://elsewhere/", "etag": '"v1"'}))
    assert fetch(site.url, tmp_path).sha256 == SHA256
    assert site.ranges == [None]


def test_a_record_that_is_not_json_is_ignored(site: Site, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(CONTENT[:CUT])
    (tmp_path / f"{PART}.json").write_text("{")
    assert fetch(site.url, tmp_path).sha256 == SHA256
    assert site.ranges == [None]


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(status=503), Answer(status=429)]
    said: list[str] = []
    assert fetch(site.url, tmp_path, said=said).sha256 == SHA256
    assert said[0] == "The download broke off: the server answered 503 Service Unavailable. Trying again in 0 s."
    assert len(site.asked) == 3


def test_a_server_that_stays_busy_is_an_error(site: Site, tmp_path: Path) -> None:
    site.default = Answer(status=503)
    told = refused(DownloadError, lambda: fetch(site.url, tmp_path))
    assert "503 Service Unavailable" in told
    assert len(site.asked) == 4


@pytest.mark.parametrize("status", [403, 404])
def test_a_final_answer_is_reported_at_once(status: int, site: Site, tmp_path: Path) -> None:
    site.default = Answer(status=status)
    told = refused(DownloadError, lambda: fetch(site.url, tmp_path))
    assert f"the server answered {status}" in told
    assert len(site.asked) == 1
    assert names_in(tmp_path) == {LOCK}


def test_without_network_the_address_and_the_target_are_reported_at_once(tmp_path: Path) -> None:
    said: list[str] = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/weights.ckpt"
        told = refused(DownloadError, lambda: fetch(url, tmp_path, said=said))
    assert said == []
    assert told == (
        f"{url} could not be downloaded: Connection refused. Download {url} by other means, then run ifrplus "
        "download-weights ifrplus --from FILE; if a proxy is needed, set HTTPS_PROXY."
    )


def test_a_silent_server_times_out(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT_S", 0.3)
    site.answers = [Answer(cut=CUT, stalls=True)]
    said: list[str] = []
    assert fetch(site.url, tmp_path, said=said).sha256 == SHA256
    assert "timed out" in said[0]
    assert len(site.asked) == 2


def test_the_next_address_is_tried(site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(status=404)]
    said: list[str] = []
    outcome = fetch((f"{site.address}/gone", site.url), tmp_path, said=said)
    assert outcome.url == site.url
    assert said == [
        f"{site.address}/gone could not be downloaded: the server answered 404 Not Found. Trying the next address."
    ]


def test_a_proxy_from_the_environment_is_used(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.address)
    assert fetch("http://localhost:9/weights.ckpt", tmp_path).sha256 == SHA256
    assert site.asked[0]["path"] == "http://localhost:9/weights.ckpt"


# Which addresses are followed.


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/w",
        "ftp://example.com/w",
        "file:///etc/passwd",
        "w.ckpt",
        "https://",
        "https://[::1",
        "https://a/é",
        "https://a:b/w",
        "https://a/w\x7fw",
        "http://127.0.0.1.example.com/w",
    ],
)
def test_only_https_is_fetched(url: str, tmp_path: Path) -> None:
    told = refused(DownloadError, lambda: fetch(url, tmp_path / "weights"))
    assert f"{url} is not an https address." in told
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int, site: Site, tmp_path: Path) -> None:
    site.answers = [Answer(status=status, location="/elsewhere?token=1"), Answer(cut=CUT)]
    site.answers += [Answer(status=status, location="/elsewhere?token=2")]
    outcome = fetch(site.url, tmp_path)
    assert (outcome.sha256, outcome.url) == (SHA256, site.url)
    assert site.ranges == [None, None, f"bytes={CUT}-", f"bytes={CUT}-"]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://example.com/w", "http://example.com/w is not an https address."),
        ("ftp://example.com/w", "ftp://example.com/w is not an https address."),
        ("file:///etc/passwd", "Redirection to url 'file:///etc/passwd' is not allowed."),
    ],
)
def test_redirects_to_elsewhere_are_refused(location: str, told: str, site: Site, tmp_path: Path) -> None:
    site.default = Answer(status=302, location=location)
    assert told in refused(DownloadError, lambda: fetch(site.url, tmp_path))


def test_redirects_in_a_circle_end(site: Site, tmp_path: Path) -> None:
    site.default = Answer(status=302, location="/weights.ckpt")
    assert "redirect" in refused(DownloadError, lambda: fetch(site.url, tmp_path))


def test_a_redirect_never_leaves_https(site: Site) -> None:
    request = Request("https://example.com/w")
    redirects = transfer._CheckedRedirects()
    told = refused(
        DownloadError,
        lambda: redirects.redirect_request(request, None, 302, "Found", None, site.url),  # type: ignore[arg-type]
    )
    assert told.startswith(f"https://example.com/w leads to {site.url}, which is not encrypted.")


# What arrives, and where it goes.


@pytest.mark.parametrize("given", ["published", "sha256"])
def test_a_checksum_is_enforced(given: str, site: Site, tmp_path: Path) -> None:
    assert fetch(site.url, tmp_path, **{given: SHA256}).enforced
    (tmp_path / NAME).write_bytes(b"precious")
    wrong = "0" * 64
    told = refused(DownloadError, lambda: fetch(site.url, tmp_path, **{given: wrong, "force": True}))
    assert f"its SHA-256 is {SHA256}, not {wrong}." in told
    assert (tmp_path / NAME).read_bytes() == b"precious"
    assert names_in(tmp_path) == IN_PLACE


def test_a_resumed_part_is_part_of_the_checksum(site: Site, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(bytes(CUT))
    (tmp_path / f"{PART}.json").write_text(json.dumps({"url": site.url, "etag": '"v1"'}))
    assert "is not the right one" in refused(DownloadError, lambda: fetch(site.url, tmp_path, sha256=SHA256))
    assert names_in(tmp_path) == {LOCK}
    assert fetch(site.url, tmp_path, sha256=SHA256).enforced


@pytest.mark.parametrize(
    "content", [b"<!doctype html><title>Log in</title>", b"", b"PK\x03\x04 and more", CONTENT[:-99]]
)
def test_a_file_without_weights_is_refused(content: bytes, site: Site, tmp_path: Path) -> None:
    site.content, site.default = content, Answer(length=False)
    told = refused(DownloadError, lambda: fetch(site.url, tmp_path))
    assert f"The file from {site.url} is not usable." in told
    assert names_in(tmp_path) == {LOCK}


def test_a_length_that_is_not_stated_is_accepted(site: Site, tmp_path: Path) -> None:
    site.default = Answer(length=False)
    seen: list[Transfer] = []
    assert fetch(site.url, tmp_path, seen=seen).sha256 == SHA256
    assert seen[-1] == Transfer(len(CONTENT), None)


def test_free_space_is_checked_first(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    told = refused(OutputError, lambda: fetch(site.url, tmp_path))
    assert told.startswith(f"{tmp_path} has 1 MB free, and the download needs 1 MB.")
    assert names_in(tmp_path) == {LOCK}
    (tmp_path / PART).write_bytes(CONTENT[:CUT])
    (tmp_path / f"{PART}.json").write_text(json.dumps({"url": site.url, "etag": '"v1"'}))
    assert fetch(site.url, tmp_path).sha256 == SHA256, "only the rest needs room"


def test_a_disk_that_fills_up_is_reported(site: Site, tmp_path: Path) -> None:
    (tmp_path / PART).symlink_to("/dev/full")
    assert refused(OutputError, lambda: fetch(site.url, tmp_path)).startswith("The disk is full. Free some space")


def test_a_folder_that_cant_be_created_is_reported(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = refused(OutputError, lambda: fetch(site.url, tmp_path / "file" / "weights"))
    assert "can't be written: Not a directory." in told
    assert site.asked == []


def test_a_file_that_was_put_there_by_hand_is_accepted(site: Site, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(site.url, tmp_path) == InstalledWeights(
        tmp_path / NAME, len(CONTENT), SHA256, None, enforced=False, fresh=False
    )
    assert fetch(site.url, tmp_path, sha256=SHA256).enforced
    assert site.asked == []
    (tmp_path / NAME).write_bytes(CONTENT[:CUT])
    told = refused(DownloadError, lambda: fetch(site.url, tmp_path))
    assert told.startswith("The file already exists, but ")
    assert "--force" in told


def test_a_file_that_has_changed_is_refused_until_forced(site: Site, tmp_path: Path) -> None:
    fetch(site.url, tmp_path)
    (tmp_path / NAME).write_bytes(checkpoint(seed=3))
    told = refused(DownloadError, lambda: fetch(site.url, tmp_path))
    assert f", not {SHA256}." in told
    assert "--force" in told
    assert len(site.asked) == 1
    site.content = checkpoint(seed=4)
    said: list[str] = []
    outcome = fetch(site.url, tmp_path, force=True, said=said)
    assert outcome.path.read_bytes() == site.content
    assert len(said) == 1
    assert f"its SHA-256 was {SHA256}" in said[0]
    assert json.loads((tmp_path / RECORD).read_text())["sha256"] == outcome.sha256


def test_weights_that_come_with_the_program_are_not_downloaded(tmp_path: Path) -> None:
    entry = WeightsEntry("own", "lite", "own.safetensors", "Apache-2.0", "here")
    refused(DownloadError, lambda: download_weights(entry, DownloadOptions(tmp_path)))
