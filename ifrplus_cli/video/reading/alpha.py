"""Alpha of VP8 and VP9: a second picture beside each frame (AlphaMode), which ffmpeg's own decoders leave out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

from ifrplus_cli.video.ffmpeg import find_tool

DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def alpha_decoder(video: Mapping[str, Any]) -> str | None:
    """Return ffmpeg's decoder that reads the alpha of a stream; None where it has none, or none is built in.

    Args:
        video: ffprobe's answer about the stream.
    """
    tags = {name.lower(): text for name, text in video.get("tags", {}).items()}
    decoder = DECODERS.get(video["codec_name"]) if tags.get("alpha_mode") == "1" else None
    return decoder if decoder and video["pix_fmt"] == "yuv420p" and _is_built_in(decoder) else None


@cache
def _is_built_in(decoder: str) -> bool:
    command = [find_tool("ffmpeg"), "-hide_banner", "-h", f"decoder={decoder}"]
    output = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    return f"Decoder {decoder} [" in output


def is_beside(codec: str, pix_fmt: str) -> bool:
    """Whether an encoder writes alpha beside its frames, which only Matroska and WebM hold."""
    return codec.startswith("libvpx") and pix_fmt.startswith("yuva")
