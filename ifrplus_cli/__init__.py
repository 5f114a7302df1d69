"""Raise the frame rate of real video files with a neural network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ifrplus_cli.api import load_model, probe, upsample

__version__ = "0.1.0"
__all__ = ["__version__", "load_model", "probe", "upsample"]


def __getattr__(name: str) -> Any:
    """Import a public function on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)
