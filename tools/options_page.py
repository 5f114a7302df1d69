"""Make ``docs/options.md`` out of the program's own help: ``make docs`` writes it, and a test compares.

python tools/options_page.py > docs/options.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from ifrplus_cli.commands.help_pages import EXAMPLES, Entry, entries
from ifrplus_cli.commands.main import app

HEAD = """# Options

You know what you want, and look for the option. This page is made from the program's own help by `make docs`;
`ifrplus COMMAND --help` says the same. `ifrplus --install-completion` lets the Tab key complete options and their
values, in bash, zsh and fish.
"""


def options_page() -> str:
    """Return the page in Markdown."""
    program: Any = typer.main.get_command(app)
    whole = program.make_context("ifrplus", [], resilient_parsing=True)
    commands = {name: command for name, command in program.commands.items() if not command.hidden}
    lines = [HEAD, "| command | does |", "|---|---|"]
    lines += [f"| [`{name}`](#ifrplus-{name}) | {_text(command)} |" for name, command in commands.items()]
    for name, command in commands.items():
        lines += _command(command, command.make_context(name, [], parent=whole, resilient_parsing=True))
    return "\n".join(lines) + "\n"


def _command(command: Any, context: Any) -> Iterator[str]:
    yield from ("", f"## ifrplus {command.name}", "", _text(command))
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    yield from ("", f"`{usage}`", "", "```")
    yield from (example for example, _ in EXAMPLES[command.name])
    yield "```"
    for title, found in entries(command, context).items():
        yield from ("", f"| {title} | |", "|---|---|")
        yield from (_row(entry) for entry in found)


def _row(entry: Entry) -> str:
    return f"| `{_cell(entry.names)}` | {_cell(entry.text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(command: Any) -> str:
    return str(command.help or "").split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(options_page())
