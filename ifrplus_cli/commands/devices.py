"""``ifrplus devices``: what this machine can run."""

from __future__ import annotations

from ifrplus_cli.commands import console
from ifrplus_cli.commands.options import JsonOption


def devices(as_json: JsonOption = False) -> None:
    """List the devices, programs and weights on this machine."""
    from ifrplus_cli.network.devices import inventory
    from ifrplus_cli.video.ffmpeg import tool_version

    found = inventory()
    found["programs"] |= {name: tool_version(name) for name in ("ffmpeg", "ffprobe")}
    if as_json:
        console.print_json(found)
        return
    for title, states in found.items():
        console.print_section(title, states)
