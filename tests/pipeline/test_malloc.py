"""Freed memory stays with the process."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PICTURES = """
import resource
import numpy as np
from ifrplus_cli.pipeline.malloc import keep_freed_memory
{setting}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23, np.float32)
before = faults()
for _ in range(10):
    np.ones(2**23, np.float32)
print(faults() - before)
"""


def page_faults(setting: str) -> int:
    """Of ten pictures of 32 MiB, one after the other, in a new process."""
    run = subprocess.run(
        [sys.executable, "-c", PICTURES.format(setting=setting)], capture_output=True, text=True, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="glibc only")
def test_the_next_picture_takes_the_memory_of_the_last() -> None:
    assert page_faults("keep_freed_memory()") * 10 < page_faults("")
