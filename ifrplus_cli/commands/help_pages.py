"""Help pages: options in groups, examples at the end, and a question after a mistyped option or value."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ifrplus_cli.commands.console import print_help_line
from ifrplus_cli.suggestions import did_you_mean

USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]  # the base of all errors of the parser
WIDEST, INDENT = 110, 28  # columns of a page, and of its names
ROOMY = 70  # columns from which on texts are beside names
OTHERS = "Options"
# Names of parameters by group, the most used group first; options that are in none are shown first.
GROUPS = {
    "Basic": ("factor", "fps", "slow_motion", "purpose", "overwrite"),
    "Timing": ("start", "end", "input_fps", "audio", "loop"),
    "Picture": ("deinterlace", "duplicates", "cuts", "cut_threshold", "cuts_in", "cuts_out", "cut_fill"),
    "Network": ("model", "weights", "engine", "device", "precision", "tile", "tile_overlap", "flow_scale"),
    "Output": ("codec", "crf", "preset", "pix_fmt", "encoder_args", "container", "name"),
    "Run": ("preview", "dry_run", "resume", "report", "cluster", "ship", "as_json", "quiet", "verbose", "help"),
}
# Commands and what they bring, by the name of the command; "" is the program itself.
EXAMPLES = {
    "": (
        ("ifrplus upsample in.mp4 out.mp4", "twice the frame rate"),
        ("ifrplus info in.mp4", "what that would take"),
        ("ifrplus check in.mp4", "how good it would look"),
        ("ifrplus doctor", "whether all is well here"),
    ),
    "upsample": (
        ("ifrplus upsample in.mp4 out.mp4", "twice the frame rate"),
        ("ifrplus upsample in.mp4 out.mp4 --fps 60", "60 frames per second"),
        ("ifrplus upsample in.mp4 out.mp4 --slow-motion", "half the speed"),
        ("ifrplus upsample in.mp4 preview.mp4 --preview 5", "the hardest 5 seconds"),
        ("ifrplus upsample frames/ smooth/ --input-fps 24", "a folder of images"),
        ("ifrplus upsample in.gif out.gif --loop", "a GIF that loops"),
        ("ifrplus upsample *.mov films/", "several films"),
        ("ifrplus upsample in.mp4 out.mp4 --cluster local", "a machine of many cores"),
    ),
    "info": (("ifrplus info in.mp4 --factor 4", "the cost of four times the rate"),),
    "check": (("ifrplus check in.mp4 --report check.html", "a report with pictures"),),
    "eval": (("ifrplus eval vimeo_triplet/ --report worst.html", "with the worst pictures"),),
    "train": (("ifrplus train --init lite --videos my/ --minutes 30", "fine-tune on your films"),),
    "doctor": (("ifrplus doctor > doctor.txt", "a file for a report"),),
    "bench": (("ifrplus bench --size 448x256 --size 1280x720", "two frame sizes"),),
    "download-weights": (
        ("ifrplus download-weights --list", "what there is"),
        ("ifrplus download-weights rife", "RIFE 4.25"),
    ),
}


@dataclass(frozen=True)
class Entry:
    """An argument, option or command: its names with the form of its value, and what it does."""

    names: str
    text: str


def entries(command: Any, ctx: Any) -> dict[str, list[Entry]]:
    """Return the arguments and options of a command, by the title of their group, in the order of the page."""
    params = [param for param in command.get_params(ctx) if not getattr(param, "hidden", False)]
    arguments = [_entry(param, ctx) for param in params if param.param_type_name == "argument"]
    options = {param.name: param for param in params if param.param_type_name == "option"}
    grouped = {name for names in GROUPS.values() for name in names}
    pages = {"Arguments": arguments, OTHERS: [_entry(p, ctx) for name, p in options.items() if name not in grouped]}
    for title, names in GROUPS.items():
        pages[title] = [_entry(options[name], ctx) for name in names if name in options]
    return {title: found for title, found in pages.items() if found}


def refuse_missing(names: str, command: str) -> NoReturn:
    """Report missing arguments as wrong usage, with three examples.

    Args:
        names: the arguments that are missing, with a verb.
        command: name of the command.
    """
    raise USAGE_ERROR("\n".join((f"{names} missing. For example:", *(line for line, _ in EXAMPLES[command][:3]))))


def _entry(param: Any, ctx: Any) -> Entry:
    names, text = param.get_help_record(ctx)
    if param.param_type_name == "argument":
        names = param.metavar
    return Entry(_plain_type(names), _plain_range(text.replace("[required]", "").strip()))


def _plain_type(names: str) -> str:
    """Return names and value as a person writes them: NUMBER for any number, and the values of a choice bare."""
    return re.sub(r"<(?:int|float)(?: range)?>", "NUMBER", names).replace("<", "").replace(">", "")


def _plain_range(text: str) -> str:
    """Return a help text whose default and range are words."""
    text = re.sub(r"\[default: \((.*?)\)", r"[default: \1", text)
    text = re.sub(r"([\d.]+)<=x<=([\d.]+)\]", r"\1 to \2]", text)
    text = re.sub(r"(?:; )?x>=0\]", "]", text)
    return re.sub(r"x>=([\d.]+)\]", r"at least \1]", text).replace("  [", " [").removesuffix(" []")


def _print_page(command: Any, ctx: Any, sections: Mapping[str, list[Entry]]) -> None:
    """Print a help page on stdout."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    print_help_line(command.get_usage(ctx))
    print_help_line()
    for line in textwrap.wrap(command.help or "", width):
        print_help_line(line)
    for title, found in sections.items():
        print_help_line()
        print_help_line(f"{title}:", "bold")
        for entry in found:
            for line, style in _lines(entry, width):
                print_help_line(line, style)
    lines = EXAMPLES.get("" if ctx.parent is None else command.name, ())
    if not lines:
        return
    print_help_line()
    print_help_line("Examples:", "bold")
    for line, wish in lines:
        print_help_line(f"  {line:<{max(len(line) for line, _ in lines)}}   {wish}")


def _lines(entry: Entry, width: int) -> Iterator[tuple[str, str]]:
    """Yield lines with their styles: the names, and the text beside them or, if they are long, below."""
    indent = INDENT if width >= ROOMY else 6
    text = textwrap.wrap(entry.text, width - indent, break_on_hyphens=False) or [""]
    names = textwrap.wrap(entry.names.replace("|", "| "), width - 2, subsequent_indent=" " * 4, break_on_hyphens=False)
    names = [f"  {line.replace('| ', '|')}" for line in names]
    if len(names) == 1 and len(names[0]) <= indent - 2:
        yield f"{names[0]:<{indent}}{text.pop(0)}", "names"
    else:
        yield from ((line, "names") for line in names)
    yield from ((" " * indent + line, "") for line in text)


class Page(TyperCommand):
    """A command with such a help page.

    Its usage line has arguments as a person gives them: the program itself says which one is missing, so that some are
    optional for the parser.
    """

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [param for param in self.params if param.param_type_name == "argument"]
        names = (f"[{param.metavar}]" if param.default else param.metavar for param in arguments)
        return [self.options_metavar or "", *(name for name in names if name)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the page; the formatter gets nothing."""
        _print_page(self, ctx, entries(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; an error says what may have been meant."""
        with explained(self.name):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error in its usage says what may have been meant."""
        with explained(self.name):
            return super().invoke(ctx)


class Program(TyperGroup):
    """The program with such a help page, which lists its commands."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the page; the formatter gets nothing."""
        commands = [command for command in self.commands.values() if not command.hidden]
        listed = [Entry(command.name or "", (command.help or "").split("\n\n")[0]) for command in commands]
        _print_page(self, ctx, {"Commands": listed, **entries(self, ctx)})
        print_help_line()
        print_help_line("ifrplus COMMAND --help lists the options of a command.")


@contextmanager
def explained(command: str | None) -> Iterator[None]:
    """Add to an error in the usage of a command what the person may have meant."""
    try:
        yield
    except USAGE_ERROR as error:
        if near := getattr(error, "possibilities", None):
            error.message, error.possibilities = f"{error.message}. {did_you_mean(error.option_name, near)}", None
        elif type(error).__name__ == "MissingParameter" and command in EXAMPLES:
            error.message = f"For example: {EXAMPLES[command][0][0]}"
        elif found := re.search(r"^(?:Value error, )?'?([^' ]*)'? is not one of (.*?)\.?$", error.message):
            known = found[2].replace("'", "").split(", ")
            error.message = f"{found[1]} is not one of {', '.join(known)}. {did_you_mean(found[1], known)}".strip()
        raise
