"""The place of a result: looked at before the run, used by one run at a time, and filled when the film is whole."""

from __future__ import annotations

import os
from pathlib import Path

from ifrplus_cli.errors import InputError, OutputError
from ifrplus_cli.files import unwritable
from ifrplus_cli.video.ffmpeg import is_text
from ifrplus_cli.video.images import KINDS


def check_output(source: Path, output: Path, *, overwrite: bool, is_images: bool = False) -> None:
    """Find out what is in the way of a result before anything is done.

    Args:
        is_images: the output is a folder of images.

    Raises:
        InputError: if it is the source itself.
        OutputError: for anything else.
    """
    folder = output.absolute().parent
    try:
        there, is_folder = output.exists(), output.is_dir()
    except OSError as error:
        raise unwritable(output, error) from error
    if not is_text(output):
        raise OutputError(f"The name of {output} is not valid text.", "Choose another folder or name.")
    if is_images and there:
        _check_replaceable(output, overwrite=overwrite)
    elif is_folder:
        raise OutputError(f"{output} is a folder.", "Give the name of a video file.")
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist.", "Make it first.")
    if there and source.exists() and output.samefile(source):
        raise InputError("Source and output are the same file.", "Give the output another name.")
    if there and not overwrite and not is_images:
        raise OutputError(f"{output} is there already.", "Add -y to overwrite it.")
    if not os.access(folder, os.W_OK) or (there and not os.access(output, os.W_OK)):
        raise OutputError(f"{output} can't be written.", "Check the permissions of its folder.")


def _check_replaceable(folder: Path, *, overwrite: bool) -> None:
    """Refuse to put images in place of a folder that holds anything else, or images that nothing was said about."""
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file.", "Give another folder.")
    held = list(folder.iterdir())
    other = next((file for file in held if not file.is_file() or file.suffix.lower() not in KINDS), None)
    if other is not None:
        raise OutputError(
            f"{folder} holds {other.name}, which is no image.", "Give a folder that is not there yet: it is made whole."
        )
    if held and not overwrite:
        raise OutputError(f"{folder} is there already, with {len(held)} images.", "Add -y to replace the folder.")
