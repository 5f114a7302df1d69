"""Raise the frame rate of real video files with the IFR+ neural network."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load_model", "probe", "upsample"]


def _function(name: str) -> property:
    """A public function, imported when it is first asked for."""

    def get(_: ModuleType) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module("ifrplus_cli.api"), name)
        return found

    return property(get, lambda *_: None)


class _Package(ModuleType):
    """``upsample`` and ``probe`` are functions here, and files beside this one as well.

    Python sets a file that it imports as an attribute of the package; these properties let that pass without effect,
    so that ``from ifrplus_cli import upsample`` is the function whatever was imported before.
    """

    upsample = _function("upsample")
    probe = _function("probe")
    load_model = _function("load_model")


sys.modules[__name__].__class__ = _Package
