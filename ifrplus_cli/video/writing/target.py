"""The contract for what is written; its users need not know whether it is a film, an animation or images."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ifrplus_cli.values import ClipInfo, Timing

if TYPE_CHECKING:
    from ifrplus_cli.files import PartFile, PartFolder
    from ifrplus_cli.video.formats.containers import Container
    from ifrplus_cli.video.writing.coding import PictureCoding
    from ifrplus_cli.video.writing.encode_command import Picture
    from ifrplus_cli.video.writing.encode_plan import EncodePlan
    from ifrplus_cli.video.writing.encoders import EncodeOptions


@dataclass(frozen=True)
class Content:
    """The part of a clip that a target can hold.

    Attributes:
        clip: the clip without what the target can't hold.
        timing: timing of the output frames, in a time base of the target.
        origin: the moment of the clip, in seconds, that is zero in the target.
        notes: sentences on what is left out, for a person to read.
    """

    clip: ClipInfo
    timing: Timing
    origin: Fraction
    notes: tuple[str, ...] = ()


class Recipe(Protocol):
    """How ffmpeg makes one file, or the images of one folder."""

    @property
    def folder(self) -> Path | None:
        """Working directory of ffmpeg; None for the current one."""

    def command(self, picture: Picture) -> list[str]:
        """Return the ffmpeg command that makes it from a picture."""

    def finish(self, last: Fraction, run: Callable[[list[str]], None]) -> None:
        """Do what remains once that command has ended.

        Args:
            last: time of the last frame in seconds, from the target's zero.
            run: runs another ffmpeg command.
        """


class Target(Protocol):
    """What is written. Only here do films, animations and images differ; ``targets.py`` has the kinds."""

    @property
    def path(self) -> Path:
        """The path that appears when a run is done: a file, or a folder of images."""

    @property
    def pattern(self) -> Path:
        """The file, or the pattern of the images' paths, such as ``frames/%06d.png``."""

    @property
    def container(self) -> Container:
        """The container of each file.

        Raises:
            OutputError: if the extension is not one that can be written.
        """

    @property
    def joins_segments(self) -> bool:
        """Whether it can be joined from segments that were encoded one by one."""

    def part(self) -> PartFile | PartFolder:
        """Return the part file or folder in which it is made before it appears."""

    def check_replaceable(self, *, overwrite: bool) -> None:
        """Refuse to replace what exists at its path, unless ``overwrite`` allows it.

        Raises:
            OutputError: if something there may not be replaced.
        """

    def content_of(self, clip: ClipInfo, timing: Timing, stretch: Fraction) -> Content:
        """Return the part of a clip that it can hold; it lasts ``stretch`` times as long as the clip."""

    def coding_of(self, clip: ClipInfo, options: EncodeOptions) -> PictureCoding:
        """Choose how it stores the picture.

        Raises:
            OutputError: if an option can't be met.
        """

    def recipe(self, plan: EncodePlan, part: Path, folders: ExitStack) -> Recipe:
        """Return how it is made at ``part``; temporary folders are entered into ``folders``."""

    def read_back(self, part: Path, rate: Fraction, *, read_frames: bool) -> ClipInfo:
        """Probe it at ``part``; ``rate`` is its frame rate, which images don't state.

        Args:
            read_frames: whether to read what only its first frames may say.

        Raises:
            InputError: if it can't be read.
        """
