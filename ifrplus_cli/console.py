"""What a person sees: progress, tables, notes and errors on stderr; data on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ifrplus_cli.errors import IfrplusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ifrplus_cli.upsample import Progress as RunProgress

talk = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(data, default=str, ensure_ascii=False) + "\n")


def print_error(error: IfrplusError) -> None:
    """One red line, and a line that says what to do."""
    talk.print(f"[bold red]error:[/] {escape(error.message)}")
    if error.hint:
        talk.print(f"[dim]hint:[/] {escape(error.hint)}")


def print_note(text: str) -> None:
    """A sentence that a person should read."""
    talk.print(f"[yellow]note:[/] {escape(text)}")


def print_facts(facts: Mapping[str, str], *, to_stdout: bool = False) -> None:
    """Names and values, aligned, one a line."""
    console = Console(highlight=False, soft_wrap=True) if to_stdout else talk
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        console.print(f"[cyan]{escape(name):<{width}}[/]  {escape(value)}")


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[RunProgress], None]]:
    """A calm bar: frames done, made frames a second, speed against real time, time left."""
    if not shown:
        yield lambda _: None
        return
    columns = (BarColumn(bar_width=24), TextColumn("{task.completed:.0f}/{task.total:.0f} frames"))
    with Progress(*columns, TextColumn("{task.fields[said]}"), console=talk, refresh_per_second=4) as bar:
        task: TaskID | None = None

        def advance(run: RunProgress) -> None:
            nonlocal task
            if task is None:
                task = bar.add_task("", total=run.expected, said="")
            bar.update(task, total=max(run.expected, run.done), completed=run.done, said=_pace(run))

        yield advance


def _pace(run: RunProgress) -> str:
    if run.seconds < 1:
        return ""
    left = (run.expected - run.done) * run.seconds / run.done
    speed = run.film_seconds / run.seconds
    return f"{run.made / run.seconds:.1f} made/s, {speed:.2f}x real time, {clock_time(left)} left"


def clock_time(seconds: float) -> str:
    """h:mm:ss, or m:ss below an hour."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
