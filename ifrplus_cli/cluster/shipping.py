"""Send the source to the workers: for each section the piece of it that is needed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ifrplus_cli.cluster.sections import Reading, reach_of
from ifrplus_cli.errors import UsageError
from ifrplus_cli.pipeline.job import Job
from ifrplus_cli.video.reading.film_piece import can_be_cut, cut_piece


def check_shippable(job: Job) -> None:
    """Refuse a source of which no pieces can be sent.

    Raises:
        UsageError: if it is such a source.
    """
    if not can_be_cut(job.clip):
        raise UsageError("--ship", "only a film in one file can be sent: give all workers the source under one path.")
    if job.encode.upright:
        raise UsageError("--ship", "a picture that is to be turned can't be sent: write .mp4 or .mov, or leave it out.")


def piece_for(reading: Reading, folder: Path) -> bytes:
    """Return the piece of the source that a section is made from.

    Args:
        folder: folder in which a temporary folder may be made.

    Raises:
        InputError: if it can't be cut out.
    """
    with tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=folder) as temporary:
        path = Path(temporary) / "piece.nut"
        cut_piece(reading.job.clip, path, reach_of(reading))
        return path.read_bytes()
