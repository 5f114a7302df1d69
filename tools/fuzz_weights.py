"""Feed damaged and invented files to the readers of weights: they may only refuse, and never take much memory.

    PYTHONPATH=. python tools/fuzz_weights.py [--count 100000]

hypothesis cuts, flips, joins and invents bytes around whole files of each kind. Half of the inputs go to the reader of
MindSpore checkpoints, the others to that of safetensors. What is refused with anything but a sentence, or takes more
than a few times the file in memory, ends the program with the input that did it.
"""

from __future__ import annotations

import argparse
import struct
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from ifrplus_cli.errors import ModelError
from ifrplus_cli.weights import read_weights

MOST_BYTES = 2_000_000


def field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes, short enough for a length of one byte."""
    return bytes([number << 3 | 2, len(content)]) + content


def whole_checkpoint() -> bytes:
    """A MindSpore checkpoint of two arrays."""
    dims = b"\x08\x02\x08\x03"
    tensor = dims + field(2, b"Float32") + field(3, np.arange(6, dtype="<f4").tobytes())
    return field(1, field(1, b"conv.weight") + field(2, tensor)) + field(1, field(1, b"conv.bias") + field(2, tensor))


def whole_safetensors() -> bytes:
    """A safetensors file of two arrays."""
    return save({"conv.weight": np.ones((2, 3), np.float32), "conv.bias": np.ones(3, np.float32)})


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A whole file with bytes put in, left out and changed; or no file at all."""
    data = bytearray(draw(st.sampled_from((whole_checkpoint(), whole_safetensors()))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(max_size=4))
            case 1:
                del data[at : at + draw(st.integers(1, 16))]
            case 2:
                data[at:at] = draw(st.binary(max_size=16))
            case 3:
                data[:8] = struct.pack("<Q", draw(st.integers(0, 2**64 - 1)))
            case 4:
                data[at:at] = b"\xff\xff\xff\xff\x0f"  # a length of four gigabytes
    return bytes(data)


def main() -> int:
    """Read them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    ends = {"read": 0, "refused": 0}
    started, highest = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="ifrplus-fuzz-") as folder:
        path = Path(folder) / "weights"

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(damaged())
        def read(data: bytes) -> None:
            nonlocal highest
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                read_weights(path)
                ends["read"] += 1
            except ModelError:
                ends["refused"] += 1
            taken = tracemalloc.get_traced_memory()[1] - before
            highest = max(highest, taken)
            assert taken < MOST_BYTES, f"{taken} bytes for a file of {len(data)}"

        tracemalloc.start()
        read()
    total = sum(ends.values())
    print(
        f"{total} inputs: {ends['read']} read, {ends['refused']} refused; at most {highest / 1e6:.2f} MB each; "
        f"{time.monotonic() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
