"""The recipe for each kind of file: the ffmpeg command that makes it, and the steps that follow."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import ffmpeg

from ifrplus_cli.errors import OutputError
from ifrplus_cli.values import ClipInfo, StreamInfo
from ifrplus_cli.video.ffmpeg import find_tool
from ifrplus_cli.video.formats.containers import MILLISECOND, MOV, MP4, write_display_matrix
from ifrplus_cli.video.formats.image_formats import apng_options, gif_options, webp_options
from ifrplus_cli.video.formats.webp import is_webp_animation, set_duration
from ifrplus_cli.video.other_streams.retime import chapter_list, retimed_text
from ifrplus_cli.video.other_streams.stream_mapping import ATTACHED, COVER_TYPES, TEXT_SUBTITLES, is_retimed_text
from ifrplus_cli.video.pieces import open_source
from ifrplus_cli.video.writing.encode_command import (
    Picture,
    film_command,
    film_picture_options,
    gif_command,
    palette_command,
    picture_command,
    segment_command,
)
from ifrplus_cli.video.writing.encode_plan import EncodePlan
from ifrplus_cli.video.writing.mov_metadata import complete_mov

Run = Callable[[list[str]], None]


@dataclass(frozen=True)
class FilmFile:
    """A film with the streams and tags of its source."""

    plan: EncodePlan
    path: Path
    folders: ExitStack
    folder: None = None

    def command(self, picture: Picture) -> list[str]:
        return film_command(self.plan, self.path, picture, self._covers(), self._retimed())

    def finish(self, last: Fraction, run: Run) -> None:
        if self.plan.clip.display_matrix and not self.plan.upright:
            write_display_matrix(self.path, self.plan.clip.display_matrix)
        if self.plan.container in (MP4, MOV):
            complete_mov(self.path, self.plan)

    def _new_folder(self) -> Path:
        return Path(self.folders.enter_context(tempfile.TemporaryDirectory(prefix="ifrplus-")))

    def _covers(self) -> list[str]:
        """Write attached cover art to a folder of its own, and return the ffmpeg options that attach it."""
        covers = [(n, c) for n, c in enumerate(self.plan.carried, start=1) if c.codec == ATTACHED]
        if not covers:
            return []
        folder = self._new_folder()
        options: list[str] = []
        for n, cover in covers:
            ending, mime_type = COVER_TYPES[cover.stream.codec]
            path = folder / f"cover{'' if not options else n}.{ending}"
            path.write_bytes(_extract(self.plan.clip, cover.stream))
            options += ["-attach", str(path), f"-metadata:s:{n}", f"mimetype={mime_type}"]
        return options

    def _retimed(self) -> dict[str, Path]:
        """Write chapters and text subtitles with their new times.

        Returns:
            The files: that of the chapters as ``chapters``, those of the subtitles by stream index.
        """
        plan, files = self.plan, {}
        texts = [c.stream for c in plan.carried if is_retimed_text(c, plan.retiming)]
        if not plan.retiming.changes or not (texts or plan.clip.chapters):
            return {}
        folder = self._new_folder()
        for stream in texts:
            path = files[str(stream.index)] = folder / f"{stream.index}.{TEXT_SUBTITLES[stream.codec]}"
            path.write_text(retimed_text(_subtitle_text(plan.clip, stream), plan.retiming), encoding="utf-8")
        if plan.clip.chapters:
            path = files["chapters"] = folder / "chapters.ffmetadata"
            path.write_text(chapter_list(plan.clip.chapters, plan.retiming), encoding="utf-8")
        return files


@dataclass(frozen=True)
class OnePass:
    """A file, or images, that one ffmpeg command makes.

    Attributes:
        make: returns the command for a picture.
    """

    make: Callable[[Picture], list[str]]
    folder: Path | None = None

    def command(self, picture: Picture) -> list[str]:
        return self.make(picture)

    def finish(self, last: Fraction, run: Run) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True)
class WebpFile:
    """An animated WebP; the length of its last frame is set afterwards, because ffmpeg's encoder does not know it."""

    plan: EncodePlan
    path: Path
    folder: None = None

    def command(self, picture: Picture) -> list[str]:
        return picture_command(self.plan, _file(self.path), picture, webp_options(_plays(self.plan)))

    def finish(self, last: Fraction, run: Run) -> None:
        if not is_webp_animation(self.path):
            raise OutputError("All frames are alike: as WebP they would be one image.", "Write to .gif or .apng.")
        set_duration(self.path, round((last + self.plan.timing.last_duration) / MILLISECOND))


@dataclass(frozen=True)
class GifFile:
    """A GIF: its frames are first stored without loss, then drawn with a palette that suits all of them.

    Attributes:
        lossless: file for the lossless frames, in a folder of its own.
    """

    plan: EncodePlan
    path: Path
    lossless: Path
    folder: None = None

    def command(self, picture: Picture) -> list[str]:
        lossless = replace(picture, options={**picture.options, "c:v:0": "ffv1"})
        return picture_command(self.plan, _file(self.lossless), lossless, {"format": "matroska"})

    def finish(self, last: Fraction, run: Run) -> None:
        palette = self.lossless.with_name("palette.png")
        options = gif_options(_plays(self.plan), last, self.plan.timing)
        run(palette_command(self.lossless, palette))
        run(gif_command(self.lossless, palette, self.path, options))


def picture_film(plan: EncodePlan, path: Path) -> OnePass:
    """Return the recipe of a film without any stream but the picture."""
    return OnePass(lambda picture: picture_command(plan, _file(path), picture, film_picture_options(plan)))


def segment(plan: EncodePlan, path: Path) -> OnePass:
    """Return the recipe of a segment: the picture alone, in a container that keeps its times exactly."""
    return OnePass(lambda picture: segment_command(plan, path, picture))


def apng_file(plan: EncodePlan, path: Path) -> OnePass:
    """Return the recipe of an animated PNG."""
    options = apng_options(_plays(plan), plan.timing)
    return OnePass(lambda picture: picture_command(plan, _file(path), picture, options))


def image_files(plan: EncodePlan, folder: Path, names: str) -> OnePass:
    """Return the recipe of images in a folder, named by a pattern."""
    return OnePass(lambda picture: picture_command(plan, f"./{names}", picture), folder)


def gif_file(plan: EncodePlan, path: Path, folders: ExitStack) -> GifFile:
    """Return the recipe of a GIF; its frames go into a temporary folder beside it, on the same disk."""
    folder = tempfile.TemporaryDirectory(prefix=".ifrplus-", dir=path.parent)
    return GifFile(plan, path, Path(folders.enter_context(folder)) / "lossless.mkv")


def _plays(plan: EncodePlan) -> int:
    """Return how often an animation is played: as often as its source, or 0 for ever."""
    return plan.clip.source.plays or 0


def _file(path: Path) -> str:
    return f"file:{path.absolute()}"


def _extract(clip: ClipInfo, stream: StreamInfo) -> bytes:
    """Return cover art as the content of a file of its own."""
    source = open_source(clip)
    output = ffmpeg.output(source[str(stream.index)], "pipe:1", format="image2pipe", c="copy")
    command = ffmpeg.compile(output.global_args("-nostdin", "-loglevel", "quiet"), cmd=find_tool("ffmpeg"))
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False).stdout


def _subtitle_text(clip: ClipInfo, stream: StreamInfo) -> str:
    """Return text subtitles as the content of a file of their own, at their times in the source."""
    source = open_source(clip)
    output = ffmpeg.output(source[str(stream.index)], "pipe:1", format=TEXT_SUBTITLES[stream.codec])
    command = ffmpeg.compile(output.global_args("-nostdin", "-copyts", "-loglevel", "quiet"), cmd=find_tool("ffmpeg"))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode("utf-8", "replace")
