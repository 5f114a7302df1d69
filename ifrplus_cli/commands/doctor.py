"""``ifrplus doctor``: whether this machine is ready, and what a report of an error needs."""

from __future__ import annotations

import typer

from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import JsonOption

FAILED = 1  # exit code


def doctor(as_json: JsonOption = False) -> None:
    """Examine this machine: versions, devices, encoders, weights, memory and disk, and one made frame as a proof."""
    from ifrplus_cli.measure.doctor import examine

    examined = examine(say=(lambda _: None) if as_json else console.print_step)
    if as_json:
        console.print_json({**examined.sections, "faults": examined.faults})
    else:
        for title, facts in examined.sections.items():
            console.print_section(title, facts)
        if examined.faults:
            console.print_note(" ".join(examined.faults))
        else:
            console.print_done("this machine is ready.")
    if examined.faults:
        raise typer.Exit(FAILED)
