"""The contract of what is written: its users need not know whether that is a film, an animation or images."""

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
    from ifrplus_cli.video.coding import PictureCoding
    from ifrplus_cli.video.containers import Container
    from ifrplus_cli.video.encode_command import Picture
    from ifrplus_cli.video.encode_plan import EncodePlan
    from ifrplus_cli.video.encoders import EncodeOptions


@dataclass(frozen=True)
class Content:
    """What of a clip goes into a target.

    Attributes:
        clip: limited to what the target can hold.
        timing: of the output frames, in what the target can tell.
        origin: the moment of the clip, in seconds, that is zero in the target.
        notes: on what is left out, for a person to read.
    """

    clip: ClipInfo
    timing: Timing
    origin: Fraction
    notes: tuple[str, ...] = ()


class Recipe(Protocol):
    """How ffmpeg makes one file, or the images of one folder."""

    @property
    def folder(self) -> Path | None:
        """In which ffmpeg runs; None where that does not matter."""

    def command(self, picture: Picture) -> list[str]:
        """The command of ffmpeg's that makes it of a picture."""

    def finish(self, last: Fraction, run: Callable[[list[str]], None]) -> None:
        """What is left to do when that command has ended.

        Args:
            last: when the last frame is shown, in seconds from the target's zero.
            run: runs a further command of ffmpeg's.
        """


class Target(Protocol):
    """What is written. Films, animations and images differ here alone; ``targets.py`` has them."""

    @property
    def path(self) -> Path:
        """What appears when a run is done: a file, or a folder of images."""

    @property
    def pattern(self) -> Path:
        """The file, or the pattern of the images' paths, such as ``frames/%06d.png``."""

    @property
    def container(self) -> Container:
        """What each file can hold.

        Raises:
            OutputError: if the name asks for none that can be written.
        """

    @property
    def joins_segments(self) -> bool:
        """Whether it can be joined from segments that were encoded one by one."""

    def part(self) -> PartFile | PartFolder:
        """Where it is made before it appears."""

    def check_replaceable(self, *, overwrite: bool) -> None:
        """Refuse to write over what is at its path already, unless that was asked for.

        Raises:
            OutputError: if there is anything.
        """

    def content_of(self, clip: ClipInfo, timing: Timing, stretch: Fraction) -> Content:
        """What of a clip it holds; ``stretch`` is how much longer it lasts than the clip."""

    def coding_of(self, clip: ClipInfo, options: EncodeOptions) -> PictureCoding:
        """How it stores the picture.

        Raises:
            OutputError: if an option can't be met.
        """

    def recipe(self, plan: EncodePlan, part: Path, folders: ExitStack) -> Recipe:
        """How it is made under another name; ``folders`` keeps what is needed for that until the end."""

    def read_back(self, part: Path, rate: Fraction) -> ClipInfo:
        """Look at it under another name; ``rate`` is how many frames a second it must have.

        Raises:
            InputError: if it can't be read.
        """
