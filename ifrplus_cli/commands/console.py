"""Terminal output: progress, notes and errors on stderr; tables and data on stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from ifrplus_cli.errors import IfrplusError
from ifrplus_cli.reports.format import clock_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ifrplus_cli.pipeline.run import RunProgress
    from ifrplus_cli.training.run import TrainingProgress
    from ifrplus_cli.weights.transfer import Transfer

WIDE = 200  # columns of a table that is not printed on a terminal
DUMB = ("dumb", "unknown")  # terminals that can't move the cursor
ROOMY = 80  # columns from which on a progress bar shows all its figures


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _console(stream: TextIO | None, *, stderr: bool) -> Console:
    """Return a console that wraps lines at words on a terminal; a file or a pipe gets each sentence on one line."""
    is_terminal = _is_terminal(stream)
    dumb = is_terminal and os.environ.get("TERM", "") in DUMB  # rich assumes 80 columns for these
    width, height = shutil.get_terminal_size() if dumb else (None, None)
    # Without emoji: "b:v:0" in a message of ffmpeg's, or in a file's name, stays as it is.
    return Console(stderr=stderr, highlight=False, emoji=False, soft_wrap=not is_terminal, width=width, height=height)


talk = _console(sys.stderr, stderr=True)


def print_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout, as ASCII if stdout can't write it otherwise."""
    text = json.dumps(data, default=str, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = json.dumps(data, default=str)
    sys.stdout.write(text + "\n")


def print_error(error: IfrplusError) -> None:
    """Print a red line that says what happened, and a line that says what to do."""
    talk.print(f"[bold red]error:[/] {escape(error.message)}")
    if error.hint:
        talk.print(f"[dim]hint:[/] {escape(error.hint)}")


def failure_facts(error: IfrplusError, exit_code: int) -> dict[str, object]:
    """Return what ``--json`` prints of a failure."""
    kind = type(error).__name__.removesuffix("Error").lower()
    return {"kind": kind, "message": error.message, "hint": error.hint, "exit_code": exit_code}


def print_interruption(text: str) -> None:
    """Report that the program was interrupted, and what is kept."""
    talk.print(f"[yellow]interrupted:[/] {escape(text)}")


def print_failures(failed: int, films: int) -> None:
    """Report how many films failed."""
    talk.print(f"[bold red]{failed} of {films} films failed.[/]")


def print_note(text: str) -> None:
    """Print a sentence that a person should read."""
    talk.print(f"[yellow]note:[/] {escape(text)}")


def print_done(text: str) -> None:
    """Report a finished output."""
    talk.print(f"[green]done:[/] {escape(text)}")


def print_next(text: str) -> None:
    """Print what a person may try next."""
    talk.print(f"[cyan]next:[/] {escape(text)}")


def print_plain(text: str) -> None:
    """Print a sentence without markup or colour."""
    talk.print(text, markup=False)


def print_line(text: str = "") -> None:
    """Print a line of text on stdout, empty by default."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_help_line(text: str = "", style: str = "") -> None:
    """Print a line of a help page on stdout: ``bold`` as a heading, ``names`` with its options in colour."""
    line = Text(text, "bold" if style == "bold" else "")
    if style == "names":
        line.highlight_regex(r"(?<!\S)--?[a-z][a-z-]*(?=.*)", "cyan")
    _console(sys.stdout, stderr=False).print(line, soft_wrap=True)


def print_section(title: str, facts: Mapping[str, str]) -> None:
    """Print a title on stdout, and names and values below it."""
    print_line(title)
    print_facts({f"  {name}": value for name, value in facts.items()}, to_stdout=True)


def agrees_to_replace(source: Path, output: Path) -> bool:
    """Ask whether an existing output may be replaced; without a person at a terminal the answer is no."""
    if not _is_terminal(sys.stdin) or not _is_terminal(sys.stderr):
        return False
    try:
        if not output.is_file() or (source.exists() and output.samefile(source)):
            return False
    except OSError:  # such as a name that is too long: planning the run reports it
        return False
    return typer.confirm(f"{output} already exists. Overwrite it?", err=True)


def print_facts(facts: Mapping[str, str], *, to_stdout: bool = False) -> None:
    """Print names and values, aligned, one per line; on a terminal a long value stays beside its name."""
    console = _console(sys.stdout, stderr=False) if to_stdout else talk
    _print_beside(console, [(f"[cyan]{escape(name)}[/]", escape(value)) for name, value in facts.items()])


def print_points(sentences: Sequence[str]) -> None:
    """Print sentences on stdout, one per line, each after a dash."""
    _print_beside(_console(sys.stdout, stderr=False), [("-", escape(sentence)) for sentence in sentences], gap=1)


def _print_beside(console: Console, rows: Sequence[tuple[str, str]], *, gap: int = 2) -> None:
    """Print two columns of markup, ``gap`` characters apart."""
    width = max(Text.from_markup(name, emoji=False).cell_len for name, _ in rows)
    if console.soft_wrap:
        for name, value in rows:
            console.print(name + " " * (width - Text.from_markup(name, emoji=False).cell_len + gap) + value)
        return
    table = Table.grid(padding=(0, gap, 0, 0))
    table.add_column(no_wrap=width <= console.width // 2)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def print_step(text: str) -> None:
    """Print the progress of a long measurement."""
    talk.print(f"[dim]{escape(text)}[/]")


def print_table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows of named cells on stdout; a file or a pipe gets every row on one line.

    On a terminal that is too narrow for the table, the cells of each row are below each other.
    """
    on_terminal = _is_terminal(sys.stdout)
    console = _console(sys.stdout, stderr=False) if on_terminal else Console(highlight=False, emoji=False, width=WIDE)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in rows[0]:
        table.add_column(name, justify="right" if name != next(iter(rows[0])) else "left")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    needed = Measurement.get(console, console.options.update(max_width=WIDE), table).maximum
    if needed <= console.width or not on_terminal:
        console.print(table)
        return
    console.print(f"[italic]{escape(title)}[/]")
    for row in rows:
        (_, heading), *cells = row.items()
        console.print(f"\n[bold]{escape(heading)}[/]")
        print_facts({f"  {name}": cell for name, cell in cells if cell}, to_stdout=True)


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[RunProgress], None]]:
    """Show a bar with frames done, made frames per second, speed compared with real time, and time left."""
    if not shown:
        yield lambda _: None
        return
    frames = " frames" if _is_roomy() else ""
    columns = (_bar(), TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}}{frames}"))
    with Progress(*columns, TextColumn("{task.fields[figures]}"), console=talk, refresh_per_second=4) as bar:
        task: TaskID | None = None

        def advance(run: RunProgress) -> None:
            nonlocal task
            if task is None:
                task = bar.add_task("", total=run.expected, figures="")
            bar.update(task, total=max(run.expected, run.done), completed=run.done, figures=_pace(run))

        yield advance


@contextmanager
def count_bar(things: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for a number of things; it appears when the first of them is done."""
    if not shown:
        yield lambda *_: None
        return
    columns = (_bar(), TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}} {things}"))
    bar = Progress(*columns, TimeRemainingColumn(), console=talk, refresh_per_second=4, transient=True)
    with _appearing(bar) as update:
        yield update


@contextmanager
def training_bar(*, shown: bool) -> Iterator[Callable[[TrainingProgress], None]]:
    """Show a bar with steps, loss, validation and time of a training run."""
    if not shown:
        yield lambda _: None
        return
    with Progress(_bar(), TextColumn("{task.fields[figures]}"), console=talk, refresh_per_second=2) as bar:
        task = bar.add_task("", total=1, figures="")

        def advance(run: TrainingProgress) -> None:
            bar.update(task, completed=run.share, figures=_progress_of_training(run))

        yield advance


@contextmanager
def transfer_bar(*, shown: bool) -> Iterator[Callable[[Transfer], None]]:
    """Show a bar with bytes, speed and time left of a download."""
    if not shown:
        yield lambda _: None
        return
    columns = (_bar(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _appearing(Progress(*columns, console=talk, refresh_per_second=4)) as update:
        yield lambda transfer: update(transfer.done, transfer.size)


@contextmanager
def _appearing(bar: Progress) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that updates a bar by what is done and the total; the bar appears with the first update."""
    task: TaskID | None = None
    with ExitStack() as stack:

        def update(done: int, total: int | None) -> None:
            nonlocal task
            if task is None:  # a resumed download starts where it stopped: from 0 it would look like a burst of speed
                stack.enter_context(bar)
                task = bar.add_task("", total=total, completed=done)
            bar.update(task, total=total, completed=done)

        yield update


def _pace(run: RunProgress) -> str:
    if run.seconds < 1:
        return ""
    if run.workers:
        return _pace_of_workers(run)
    left = (run.expected - run.done) * run.seconds / (run.done - run.kept)
    if not _is_roomy():
        return f"{clock_time(left)} left"
    speed = run.film_seconds / run.seconds
    return f"{run.made / run.seconds:.1f} made/s, {speed:.2f}x real time, {clock_time(left)} left"


def _pace_of_workers(run: RunProgress) -> str:
    (done, sections), workers = run.sections, "1 worker" if run.workers == 1 else f"{run.workers} workers"
    left = clock_time((run.expected - run.done) * run.seconds / (run.done - run.kept))
    return f"section {done}/{sections}, {workers}, {left} left" if _is_roomy() else f"{workers}, {left} left"


def _progress_of_training(run: TrainingProgress) -> str:
    gone, left = clock_time(run.seconds), ""
    if run.seconds > 60 and run.share > 0.01:  # the first step includes compilation
        left = f"{clock_time(run.seconds / run.share - run.seconds)} left"
    if not _is_roomy():
        return f"step {run.step}, {run.psnr:.1f} dB, {left or gone}"
    figures = f"step {run.step}, loss {run.loss:.4g}, validation {run.psnr:.2f} dB, {gone}"
    return f"{figures}, {left}" if left else figures


def _is_roomy() -> bool:
    return talk.width >= ROOMY


def _bar() -> BarColumn:
    return BarColumn(bar_width=24 if _is_roomy() else 6)
