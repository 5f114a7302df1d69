"""Where a network's weights are, and reading them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class WeightsEntry:
    """One file of the manifest; ``bundled`` weights come with the package."""

    name: str
    file_name: str
    licence: str
    bundled: bool


MANIFEST = {"lite": WeightsEntry("lite", "lite.safetensors", "Apache-2.0", bundled=True)}


def weights_folders() -> tuple[Path, ...]:
    """Folders that are searched, first match wins: ``IFRPLUS_WEIGHTS``, a checkout's ``weights``, the wheel's."""
    named = os.environ.get("IFRPLUS_WEIGHTS")
    folders = (PACKAGE.parent / "weights", PACKAGE / "bundled_weights")
    return (Path(named), *folders) if named else folders


def find_weights(name: str) -> Path | None:
    """The file of the manifest's entry ``name``, or None if it is not on this machine."""
    file_name = MANIFEST[name].file_name
    return next((folder / file_name for folder in weights_folders() if (folder / file_name).is_file()), None)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_weights(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """All parameters of a safetensors file, as float32.

    Raises:
        ModelError: if the file is missing or not a sound safetensors file.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return {name: np.asarray(value, np.float32) for name, value in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read as weights: {error}.", "Give a .safetensors file.") from error


def check_names(found: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]], path: Path) -> None:
    """Compare names and shapes of a file's parameters with a network's.

    Raises:
        ModelError: naming what is missing, unexpected or of another shape.
    """
    missing, unexpected = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    shapes = sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])
    faults = [
        f"{len(names)} {fault} (such as {names[0]})"
        for fault, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if faults:
        raise ModelError(
            f"{path.name} does not fit the network: parameters {', '.join(faults)}.",
            "Give the network's own weights, or say with --model which network these are for.",
        )
