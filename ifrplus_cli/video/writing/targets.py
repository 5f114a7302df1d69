"""The kinds of target: a film, an animation, or a folder of numbered images."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.description import Description
from ifrplus_cli.errors import OutputError
from ifrplus_cli.files import PartFile, PartFolder
from ifrplus_cli.values import ClipInfo, LightInfo, Timing
from ifrplus_cli.video.formats.containers import ANIMATIONS, GIF, WEBP, Container, container_for
from ifrplus_cli.video.formats.hdr import is_hdr
from ifrplus_cli.video.formats.images import KINDS, NUMBER
from ifrplus_cli.video.other_streams.stream_mapping import other_streams
from ifrplus_cli.video.reading.probe import probe
from ifrplus_cli.video.writing.coding import PictureCoding, code_film, code_images
from ifrplus_cli.video.writing.encode_plan import EncodePlan, origin_of
from ifrplus_cli.video.writing.encoders import EncodeOptions
from ifrplus_cli.video.writing.recipes import FilmFile, WebpFile, apng_file, gif_file, image_files, picture_film
from ifrplus_cli.video.writing.target import Content, Recipe, Target

NEW_FOLDER = "Use a new folder; it will be created."
DEFAULT_DIGITS = 6  # in the numbers of images


@dataclass(frozen=True)
class _FileTarget:
    """A target that is one file."""

    path: Path

    @property
    def pattern(self) -> Path:
        return self.path

    @property
    def container(self) -> Container:
        return container_for(self.path)

    def part(self) -> PartFile:
        return PartFile(self.path.resolve() if self.path.is_symlink() else self.path)

    def check_replaceable(self, *, overwrite: bool) -> None:
        if self.path.is_dir():
            raise OutputError(f"{self.path} is a folder.", "Give the name of a video file.")
        if self.path.exists() and not overwrite:
            raise OutputError(f"{self.path} already exists.", "Add -y to overwrite it.")

    def read_back(self, part: Path, rate: Fraction, *, read_frames: bool) -> ClipInfo:
        return probe(part, read_frames=read_frames, read_sound=True)


@dataclass(frozen=True)
class FilmTarget(_FileTarget):
    """A film in a file."""

    joins_segments: bool = True

    def content_of(self, clip: ClipInfo, timing: Timing, stretch: Fraction) -> Content:
        return Content(clip, timing, origin_of(clip, stretch))

    def coding_of(self, clip: ClipInfo, options: EncodeOptions) -> PictureCoding:
        return code_film(clip, self.container, options)

    def recipe(self, plan: EncodePlan, part: Path, folders: ExitStack) -> Recipe:
        return FilmFile(plan, part, folders) if plan.clip.source.has_streams else picture_film(plan, part)


@dataclass(frozen=True)
class AnimationTarget(_FileTarget):
    """An animation in a file: GIF, APNG or WebP."""

    joins_segments: bool = False

    def content_of(self, clip: ClipInfo, timing: Timing, stretch: Fraction) -> Content:
        return _picture_alone(clip, timing, stretch, self.container, self.container.muxer.upper())

    def coding_of(self, clip: ClipInfo, options: EncodeOptions) -> PictureCoding:
        return code_images(clip, self.container, options)

    def recipe(self, plan: EncodePlan, part: Path, folders: ExitStack) -> Recipe:
        if self.container is GIF:
            return gif_file(plan, part, folders)
        return WebpFile(plan, part) if self.container is WEBP else apng_file(plan, part)


@dataclass(frozen=True)
class ImagesTarget:
    """A folder of images, one per frame.

    Attributes:
        names: pattern of the images' names, such as ``%06d.png``.
    """

    path: Path
    names: str
    joins_segments: bool = False

    @property
    def pattern(self) -> Path:
        return self.path / self.names

    @property
    def container(self) -> Container:
        return container_for(Path(self.names), images=True)

    def part(self) -> PartFolder:
        return PartFolder(self.path.resolve() if self.path.is_symlink() else self.path)

    def check_replaceable(self, *, overwrite: bool) -> None:
        folder = self.path
        if not folder.exists():
            return
        if not folder.is_dir():
            raise OutputError(f"{folder} is a file.", "Give another folder.")
        held = list(folder.iterdir())
        other = next((file for file in held if not file.is_file() or file.suffix.lower() not in KINDS), None)
        if other is not None:
            raise OutputError(
                f"{folder} contains {other.name}, which is not an image.",
                NEW_FOLDER,
            )
        if held and not overwrite:
            raise OutputError(f"{folder} already exists, with {len(held)} images.", "Add -y to replace the folder.")

    def content_of(self, clip: ClipInfo, timing: Timing, stretch: Fraction) -> Content:
        content = _picture_alone(clip, timing, stretch, self.container, "Images")
        if not clip.variable_rate:
            return content
        uneven = "Images can't store the variable frame rate of the source; --fps makes it constant."
        return replace(content, notes=(*content.notes, uneven))

    def coding_of(self, clip: ClipInfo, options: EncodeOptions) -> PictureCoding:
        return code_images(clip, self.container, options)

    def recipe(self, plan: EncodePlan, part: Path, folders: ExitStack) -> Recipe:
        return image_files(plan, part, self.names)

    def read_back(self, part: Path, rate: Fraction, *, read_frames: bool) -> ClipInfo:
        return probe(part, rate)


def target_of(output: Path, image_suffix: str | None = None) -> Target:
    """Return the target that an output names: a film, an animation, a pattern of images, or a folder for them.

    Args:
        image_suffix: suffix of the source's images, also used in a folder without a pattern; None for any other
            source: its images need a pattern.

    Raises:
        OutputError: for a name that would be one image, or a folder that can't be replaced.
    """
    suffix = output.suffix.lower()
    if NUMBER.search(output.name) and suffix in KINDS:
        return _images(output.parent, output.name)
    if not suffix and image_suffix is not None:
        return _images(output, f"%0{DEFAULT_DIGITS}d{image_suffix}")
    if suffix in ANIMATIONS:
        return AnimationTarget(output)
    if suffix in KINDS:
        raise OutputError(
            f"{output.name} would be one image.",
            f"Give a pattern such as {output.with_suffix('')}/%06d{suffix}; an animation is .gif, .apng or .webp.",
        )
    return FilmTarget(output)


def _images(folder: Path, names: str) -> ImagesTarget:
    if folder.name in ("", ".."):
        raise OutputError(f"The folder {folder} can't be the output: it would be replaced.", NEW_FOLDER)
    if "%" in NUMBER.sub("", names):
        raise OutputError(f"{names} has a % that is no number.", "Use one number, such as %06d, and no other %.")
    return ImagesTarget(folder, names)


def _picture_alone(clip: ClipInfo, timing: Timing, stretch: Fraction, container: Container, what: str) -> Content:
    """Return the content of images and animations: the picture alone, from time zero.

    Args:
        what: the subject of each note, such as ``GIF``.
    """
    origin = origin_of(clip, stretch)
    last = max(timing.last_duration, container.shortest)
    kinds = dict.fromkeys("sound" if s.kind == "audio" else f"{s.kind}s" for s in other_streams(clip))
    lost = [*kinds, *(["chapters"] if clip.chapters else [])]
    notes = [f"{what} can store only the picture. These are left out: {', '.join(lost)}."] if lost else []
    if is_hdr(clip.colour):
        notes.append(f"{what} can't state the transfer {clip.colour.transfer}: the samples are kept as they are.")
    if clip.sample_aspect not in (None, 1):
        notes.append(f"{what} can store only square pixels; the source's are {clip.sample_aspect} as wide as high.")
    return Content(
        clip=replace(clip, streams=(), chapters=(), light=LightInfo(), sample_aspect=None, description=Description()),
        timing=replace(timing, time_base=container.unit or timing.time_base, last_duration=last),
        origin=origin + (clip.start - origin) * stretch,
        notes=tuple(notes),
    )
