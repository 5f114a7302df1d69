"""What this machine can run: devices, MindSpore, ffmpeg, weights."""

from __future__ import annotations

import subprocess

from ifrplus_cli.device import device_states
from ifrplus_cli.engine import engine_states
from ifrplus_cli.errors import MediaToolError
from ifrplus_cli.programs import find_tool
from ifrplus_cli.weights import MANIFEST, find_weights


def inventory() -> dict[str, dict[str, str]]:
    """Devices, programs and weights by name, each with its state."""
    return {
        "devices": device_states(),
        "programs": {**engine_states(), **{name: tool_version(name) for name in ("ffmpeg", "ffprobe")}},
        "weights": {name: str(find_weights(name) or "not found") for name in MANIFEST},
    }


def tool_version(name: str) -> str:
    """Version and place of ffmpeg or ffprobe, or that it is missing."""
    try:
        path = find_tool(name)
    except MediaToolError as error:
        return f"{error.message} {error.hint}"
    told = subprocess.run(
        [path, "-version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", check=False
    ).stdout
    words = told.split(maxsplit=3)
    return f"{words[2]} ({path})" if len(words) > 2 else f"does not run ({path})"
