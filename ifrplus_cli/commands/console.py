"""What a person sees: progress, tables, notes and errors on stderr; data on stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

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

    from ifrplus_cli.pipeline.run import Progress as RunProgress
    from ifrplus_cli.training.run import Progress as TrainingProgress
    from ifrplus_cli.weights.download import Transfer

WIDE = 200  # columns of a table that is not printed on a terminal
DUMB = ("dumb", "unknown")  # terminals that move no cursor
ROOMY = 80  # columns from which on a bar is told with all its figures


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _console(stream: TextIO | None, *, stderr: bool) -> Console:
    """Breaks lines between words on a terminal; a file or a pipe gets every sentence on one line."""
    is_terminal = _is_terminal(stream)
    dumb = is_terminal and os.environ.get("TERM", "") in DUMB  # rich takes it for 80 columns wide unless it is told
    width, height = shutil.get_terminal_size() if dumb else (None, None)
    return Console(stderr=stderr, highlight=False, soft_wrap=not is_terminal, width=width, height=height)


talk = _console(sys.stderr, stderr=True)


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout, in letters that its reader can take."""
    plain = sys.stdout.encoding.lower() not in ("utf-8", "utf8")
    sys.stdout.write(json.dumps(data, default=str, ensure_ascii=plain) + "\n")


def print_error(error: IfrplusError) -> None:
    """One red line, and a line that says what to do."""
    talk.print(f"[bold red]error:[/] {escape(error.message)}")
    if error.hint:
        talk.print(f"[dim]hint:[/] {escape(error.hint)}")


def print_note(text: str) -> None:
    """A sentence that a person should read."""
    talk.print(f"[yellow]note:[/] {escape(text)}")


def print_done(text: str) -> None:
    """What there is now that was not there before."""
    talk.print(f"[green]done:[/] {escape(text)}")


def print_facts(facts: Mapping[str, str], *, to_stdout: bool = False) -> None:
    """Names and values, aligned, one a line; on a terminal a long value stays beside its name."""
    console = _console(sys.stdout, stderr=False) if to_stdout else talk
    _print_beside(console, [(f"[cyan]{escape(name)}[/]", escape(value)) for name, value in facts.items()])


def print_points(sentences: Sequence[str]) -> None:
    """Sentences on stdout, one a line, each with a dash before it."""
    _print_beside(_console(sys.stdout, stderr=False), [("-", escape(sentence)) for sentence in sentences], gap=1)


def _print_beside(console: Console, rows: Sequence[tuple[str, str]], *, gap: int = 2) -> None:
    """Two columns of markup."""
    width = max(Text.from_markup(name).cell_len for name, _ in rows)
    if console.soft_wrap:
        for name, value in rows:
            console.print(name + " " * (width - Text.from_markup(name).cell_len + gap) + value)
        return
    table = Table.grid(padding=(0, gap, 0, 0))
    table.add_column(no_wrap=width <= console.width // 2)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def print_step(text: str) -> None:
    """How far a long measurement is."""
    talk.print(f"[dim]{escape(text)}[/]")


def print_table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Rows of named cells on stdout; a file or a pipe gets every row on one line.

    A terminal that is too narrow for the table gets the cells of each row below each other.
    """
    on_terminal = _is_terminal(sys.stdout)
    console = _console(sys.stdout, stderr=False) if on_terminal else Console(highlight=False, width=WIDE)
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
    """A calm bar: frames done, made frames a second, speed against real time, time left."""
    if not shown:
        yield lambda _: None
        return
    frames = " frames" if _is_roomy() else ""
    columns = (_bar(), TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}}{frames}"))
    with Progress(*columns, TextColumn("{task.fields[said]}"), console=talk, refresh_per_second=4) as bar:
        task: TaskID | None = None

        def advance(run: RunProgress) -> None:
            nonlocal task
            if task is None:
                task = bar.add_task("", total=run.expected, said="")
            bar.update(task, total=max(run.expected, run.done), completed=run.done, said=_pace(run))

        yield advance


@contextmanager
def count_bar(things: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A calm bar for a number of things, told as done and all."""
    if not shown:
        yield lambda *_: None
        return
    columns = (_bar(), TextColumn(f"{{task.completed:.0f}}/{{task.total:.0f}} {things}"))
    with Progress(*columns, TimeRemainingColumn(), console=talk, refresh_per_second=4, transient=True) as bar:
        task = bar.add_task("", total=1)
        yield lambda done, total: bar.update(task, total=total, completed=done)


@contextmanager
def training_bar(*, shown: bool) -> Iterator[Callable[[TrainingProgress], None]]:
    """A calm bar for a training run: steps, loss, validation, time."""
    if not shown:
        yield lambda _: None
        return
    with Progress(_bar(), TextColumn("{task.fields[said]}"), console=talk, refresh_per_second=2) as bar:
        task = bar.add_task("", total=1, said="")

        def advance(run: TrainingProgress) -> None:
            bar.update(task, completed=run.share, said=_progress_of_training(run))

        yield advance


@contextmanager
def transfer_bar(*, shown: bool) -> Iterator[Callable[[Transfer], None]]:
    """A bar for a download: bytes, speed, time left."""
    if not shown:
        yield lambda _: None
        return
    columns = (_bar(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=talk, refresh_per_second=4)
    task: TaskID | None = None
    with ExitStack() as stack:

        def advance(transfer: Transfer) -> None:
            nonlocal task
            if task is None:  # it begins where a resumed download begins: from 0 it would look like a burst of speed
                stack.enter_context(bar)
                task = bar.add_task("", total=transfer.size, completed=transfer.done)
            bar.update(task, total=transfer.size, completed=transfer.done)

        yield advance


def _pace(run: RunProgress) -> str:
    if run.seconds < 1:
        return ""
    left = (run.expected - run.done) * run.seconds / (run.done - run.kept)
    if not _is_roomy():
        return f"{clock_time(left)} left"
    speed = run.film_seconds / run.seconds
    return f"{run.made / run.seconds:.1f} made/s, {speed:.2f}x real time, {clock_time(left)} left"


def _progress_of_training(run: TrainingProgress) -> str:
    gone, left = clock_time(run.seconds), ""
    if run.seconds > 60 and run.share > 0.01:  # the first step compiles
        left = f"{clock_time(run.seconds / run.share - run.seconds)} left"
    if not _is_roomy():
        return f"step {run.step}, {run.psnr:.1f} dB, {left or gone}"
    told = f"step {run.step}, loss {run.loss:.4g}, validation {run.psnr:.2f} dB, {gone}"
    return f"{told}, {left}" if left else told


def _is_roomy() -> bool:
    return talk.width >= ROOMY


def _bar() -> BarColumn:
    return BarColumn(bar_width=24 if _is_roomy() else 6)
