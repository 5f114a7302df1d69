"""The program: its commands, and the exit code that each outcome becomes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from errno import ENOEXEC, ENOSPC, EPIPE
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ifrplus_cli import __version__
from ifrplus_cli.commands import console, signals
from ifrplus_cli.commands.bench import bench
from ifrplus_cli.commands.check import check
from ifrplus_cli.commands.doctor import doctor
from ifrplus_cli.commands.download_weights import download_weights
from ifrplus_cli.commands.eval import evaluate
from ifrplus_cli.commands.help_pages import Page, Program
from ifrplus_cli.commands.info import info
from ifrplus_cli.commands.train import train
from ifrplus_cli.commands.upsample import upsample
from ifrplus_cli.errors import IfrplusError, MediaToolError, OutputError, memory_errors
from ifrplus_cli.stopping import Interrupted, StoppedError
from ifrplus_cli.system import keep_freed_memory

FAILED, INTERRUPTED = 1, 130
UNHEARD = (EPIPE, ENOSPC)  # the reader of stdout has closed it, or its disk is full


app = typer.Typer(
    cls=Program,
    help="Raise the frame rate of real video files with a neural network.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "upsample": upsample,
    "info": info,
    "check": check,
    "eval": evaluate,
    "train": train,
    "doctor": doctor,
    "bench": bench,
    "download-weights": download_weights,
}
for name, command in COMMANDS.items():
    app.command(name, cls=Page)(command)
app.command("devices", cls=Page, hidden=True, help="The former name of doctor.")(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"ifrplus {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit; the parser itself exits on wrong usage."""
    signals.listen()
    keep_freed_memory()
    _open_closed_streams()
    try:
        with memory_errors():
            app(prog_name="ifrplus")
        sys.stdout.flush()
    except (Interrupted, StoppedError) as interruption:
        _end_interrupted(str(interruption))
    except Exception as error:
        if signals.stop.forced_at is not None:  # a library that was just imported made this of the signal
            _end_interrupted()
        _end_failed(error)


def _end_interrupted(kept: str = "") -> NoReturn:
    console.print_interruption(kept or "nothing was written.")
    sys.exit(INTERRUPTED)


def _end_failed(error: Exception) -> NoReturn:
    """Exit with a sentence; what nobody could foresee is raised."""
    if isinstance(error, IfrplusError) and not os.environ.get("IFRPLUS_DEBUG"):
        _fail(error)
    if not isinstance(error, OSError):
        raise error
    if error.errno == ENOEXEC:
        problem = f"The program {error.filename} is not made for this machine."
        _fail(MediaToolError(problem, "Install another one."))
    if error.errno not in UNHEARD:
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if error.errno != EPIPE:
        console.print_error(OutputError("The disk is full.", "Free some space, also on the disk of stdout."))
    sys.exit(FAILED)


def _fail(error: IfrplusError) -> NoReturn:
    """Say what happened, with --json as an object too, and exit."""
    console.print_error(error)
    if "--json" in sys.argv:
        console.print_json(console.failure_facts(error, FAILED))
    sys.exit(FAILED)


def _open_closed_streams() -> None:
    """Replace closed standard streams, so that no file gets their numbers, here or in ffmpeg."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number
    nowhere = Path(os.devnull).open("r+")  # noqa: SIM115 - as long as the program runs
    sys.stdin, sys.stdout, sys.stderr = sys.stdin or nowhere, sys.stdout or nowhere, sys.stderr or nowhere
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() not in ("utf-8", "utf8"):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a letter that it lacks is no reason to fail
