"""Install weights: read the whole file, compare it with its network, only then rename it, and record its source."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli.errors import ModelError
from ifrplus_cli.files import sha256_of, whole_file
from ifrplus_cli.models import rife_layers
from ifrplus_cli.models.ifrnet_family import layers, shapes, widths_of
from ifrplus_cli.weights.archive import LARGEST_ENTRY, SUFFIXES, read_archive
from ifrplus_cli.weights.manifest import WeightsEntry
from ifrplus_cli.weights.ncnn import LARGEST_PARAM, read_ncnn
from ifrplus_cli.weights.reading import load_weights, read_weights, write_weights
from ifrplus_cli.weights.torch_archive import is_torch_archive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ZIP = b"PK"


@dataclass(frozen=True)
class InstallRecord:
    """The record of installed weights, stored as ``.json`` beside them.

    Attributes:
        url: where they came from; the path of a local file.
        size, sha256: size in bytes and checksum of the file of weights.
        date: in UTC.
        source_sha256: checksum of the file it was made from, such as an archive; None if the file was taken as it is.
    """

    url: str
    size: int
    sha256: str
    date: str
    source_sha256: str | None = None


def record_path(path: Path) -> Path:
    """Return the path of a file's record."""
    return path.with_name(f"{path.name}.json")


def record_of(target: Path) -> InstallRecord | None:
    """Return the record of a file; None if there is none, or if it has been edited."""
    try:
        return InstallRecord(**json.loads(record_path(target).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def install(entry: WeightsEntry, source: Path, target: Path, url: str, *, move: bool = False) -> InstallRecord:
    """Install the content of ``source`` as the weights of ``entry``.

    Args:
        entry: the file of the manifest.
        source: for a network published in an archive: that archive, or one of its ``.param`` and ``.bin`` files with
            the other one beside it, or a .safetensors file; for other networks the file itself.
        target: path of the installed file.
        url: where the source came from.
        move: whether ``source`` may be moved rather than copied.

    Raises:
        ModelError: if it can't be read, or does not belong to this network.
        OSError: if it can't be stored.
    """
    made_from = None
    if not entry.is_converted:
        read_weights(source)
        if move:
            source.replace(target)
        else:
            with whole_file(target) as part:
                shutil.copyfile(source, part)
    else:
        made_from = sha256_of(_numbers_of(source))
        values = _converted(entry, source)
        card = {"name": entry.name, "source": entry.source, "source_sha256": made_from, "licence": entry.licence}
        write_weights(values, target, card)
        if move:
            source.unlink()
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record = InstallRecord(url, target.stat().st_size, sha256_of(target), date, made_from)
    with whole_file(record_path(target)) as note:
        note.write_text(json.dumps(asdict(record), indent=2) + "\n")
    return record


def _converted(entry: WeightsEntry, source: Path) -> Mapping[str, npt.NDArray[np.float32]]:
    if entry.archive is None:
        return load_weights(source, rife_layers.shapes())
    widths = widths_of(entry.network)
    pair = source.suffix in SUFFIXES
    if not pair and (_start(source) != ZIP or is_torch_archive(source)):
        return load_weights(source, shapes(widths))
    try:
        param, numbers = _pair(source) if pair else read_archive(source, entry.archive)
        return read_ncnn(param, numbers, layers(widths))
    except (ValueError, OSError, MemoryError) as error:
        reason = (getattr(error, "strerror", None) or str(error) or "memory ran out").rstrip(".")
        raise ModelError(
            f"{source.name} does not hold the network {entry.name}: {reason}.",
            f"Give the archive of a release of ifrnet-ncnn-vulkan, or the two files of its folder {entry.archive}.",
        ) from error


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP))
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}.", "Give an existing file.") from error


def _numbers_of(source: Path) -> Path:
    """Return the file whose checksum identifies a source: the .bin file of a pair."""
    path = source.with_suffix(".bin") if source.suffix in SUFFIXES else source
    _start(path)
    return path


def _pair(source: Path) -> tuple[bytes, bytes]:
    """Return the content of a .param file and of the .bin file beside it."""
    param, numbers = (source.with_suffix(suffix) for suffix in SUFFIXES)
    for path, most in ((param, LARGEST_PARAM), (numbers, LARGEST_ENTRY)):
        if path.stat().st_size > most:
            raise ValueError(f"{path.name} is too large")
    return param.read_bytes(), numbers.read_bytes()
