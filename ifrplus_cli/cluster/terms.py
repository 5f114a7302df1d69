"""What all workers must have in common so that their sections are parts of one film."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

import ifrplus_cli
from ifrplus_cli import __version__
from ifrplus_cli.cluster.loading import load_network
from ifrplus_cli.cluster.order import Exam, NetworkOrder
from ifrplus_cli.cluster.trial import encode_grey
from ifrplus_cli.network.engine import engine_version
from ifrplus_cli.network.interpolator import Interpolator, LoadedModel
from ifrplus_cli.pipeline.fingerprint import Fingerprint
from ifrplus_cli.values import HALF
from ifrplus_cli.video.ffmpeg import tool_version

PACKAGE = Path(ifrplus_cli.__file__).parent
ROUNDING = "rounding"  # the one term that may differ: the last bits of a made frame
MOVED = 4  # pixels between the two pictures of the frame by which they are compared


def terms_of_client(exam: Exam, weights_sha256: str) -> dict[str, str]:
    """Return the terms that a worker must meet, under names that a person understands."""
    return _terms(exam.network, weights_sha256, exam.source, encode_grey(exam.encode, exam.encode.target.path.parent))


def terms_of_worker(exam: Exam, scratch: Path) -> dict[str, str]:
    """Return the terms that this worker meets; its network is loaded.

    Args:
        scratch: folder for a temporary file.

    Raises:
        IfrplusError: if it lacks the source, the network, the device or the encoder.
    """
    model = load_network(exam.network)
    source = exam.source and Fingerprint.of(exam.source.path, exam.source.files)
    terms = _terms(exam.network, model.weights_sha256, source, encode_grey(exam.encode, scratch))
    return {**terms, ROUNDING: _rounding(model)}


def differences(worker: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return in what a worker differs, as parts of a sentence."""
    return [
        f"{name} is {worker.get(name, 'not stated')} instead of {value}"
        for name, value in wanted.items()
        if worker.get(name) != value
    ]


def _terms(network: NetworkOrder, weights_sha256: str, source: Fingerprint | None, encoded: bytes) -> dict[str, str]:
    return {
        "ifrplus": __version__,
        "the program's code": _short(_code()),
        "ffmpeg": tool_version("ffmpeg").partition(" (")[0],
        **engine_version(network.engine),
        "the engine": str(network.engine),
        "the device": network.device,
        "the precision": network.precision,
        "the checksum of the weights": _short(weights_sha256),
        **_of_source(source),
        "the checksum of an encoded moment": _short(hashlib.sha256(encoded).hexdigest()),
    }


def _of_source(source: Fingerprint | None) -> dict[str, str]:
    if source is None:
        return {}
    return {
        "the size of the source": str(source.size),
        "the date of the source": str(source.modified),
        "the checksum of the source": _short(source.sha256),
    }


def _short(checksum: str) -> str:
    return checksum[:16]


@cache
def _code() -> str:
    """Return the SHA-256 in hexadecimal of the names and contents of the program's files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _rounding(model: LoadedModel) -> str:
    """Return the checksum of a frame made between two pictures of noise, which shows how a machine rounds."""
    tiles = model.plan.tiles
    noise = np.random.default_rng(0).random((tiles.height, tiles.width + MOVED, 3), np.float32)
    left, right = (np.ascontiguousarray(noise[:, begin : begin + tiles.width]) for begin in (0, MOVED))
    (made,) = Interpolator(model)(left, right, [HALF])
    return _short(hashlib.sha256(made.tobytes()).hexdigest())
