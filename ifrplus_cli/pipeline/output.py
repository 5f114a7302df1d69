"""Check the place of the output before anything is done."""

from __future__ import annotations

import os

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.files import unwritable
from ifrplus_cli.values import ClipInfo
from ifrplus_cli.video.ffmpeg import is_text
from ifrplus_cli.video.writing.target import Target


def check_output(clip: ClipInfo, target: Target, *, overwrite: bool) -> None:
    """Check that the output can be written, before anything is done.

    Args:
        clip: the source.
        overwrite: whether an existing output may be replaced.

    Raises:
        InputError: if the output is the source itself, or a folder that contains the source.
        OutputError: if it can't be written for any other reason.
    """
    output = target.path
    folder = output.absolute().parent
    try:
        there = output.exists()
        output.resolve()
    except OSError as error:
        raise unwritable(output, error) from error
    except RuntimeError as error:
        raise OutputError(f"{output} is a link to itself.", "Give the output another name.") from error
    if not is_text(output):
        raise OutputError(f"The name of {output} is not valid text.", "Choose another folder or name.")
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist.", "Create it first.")
    if there and any(place.exists() and output.samefile(place) for place in (clip.path, *clip.source.files)):
        raise InputError("Source and output are the same file.", "Give the output another name.")
    if there and not (output.is_file() or output.is_dir()):
        raise OutputError(f"{output} is a device or a pipe.", "Give the name of a file, or - for standard output.")
    target.check_replaceable(overwrite=overwrite)
    if there and any(output.samefile(place) for place in {file.parent for file in clip.source.files}):
        raise InputError(f"The source is in {output}, which would be replaced.", "Give the output another folder.")
    if not os.access(folder, os.W_OK) or (there and not os.access(output, os.W_OK)):
        raise OutputError(f"{output} can't be written.", "Check the permissions of its folder.")
