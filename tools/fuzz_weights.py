"""Feed damaged and invented files to the readers of weights: they may only refuse, and never take much memory.

    PYTHONPATH=.:tests python tools/fuzz_weights.py [--count 100000] [--seed 1] [--only damaged_archive ...]

Some of the inputs are whole files of all kinds (MindSpore checkpoints, safetensors, PyTorch archives) with bytes
changed, inserted or removed, and lengths of gigabytes written over them. The others are well-formed files whose headers
are invented: sizes, types, offsets and names of all sorts, such as overlapping, missing, doubled and oversized ones,
and for archives lists of tensors whose opcodes are damaged or drawn at random. If a file is refused with anything but a
sentence and a hint, or takes more memory than a few times its size, the program ends and shows the input.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import struct
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from damage import spoilt
from safetensors.numpy import save
from torch_files import in_order, pickled, tensor, torch_archive, zipped

from ifrplus_cli.errors import ModelError
from ifrplus_cli.weights.mindspore_ckpt import NUMBERS
from ifrplus_cli.weights.reading import read_weights
from ifrplus_cli.weights.torch_pickle import OPCODES

MOST_BYTES = 200_000  # of memory, for files of a few hundred bytes
MOST_GROWTH_MB = 100  # of the process, over all inputs
SIZES = (0, 1, 2, 3, 6, 24, 127, 128, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1)
TYPES = ("F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "I32", "I8", "U8", "BOOL", "f32", "", "X" * 300)
NAMES = ("conv.weight", "conv.bias", "", "__metadata__", "\x1b[31m", "x" * 200, "ä.ö", "a\nb")


def integer(value: int) -> bytes:
    """Encode a protobuf integer: seven bits per byte, lowest first."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, content: bytes) -> bytes:
    """Encode a protobuf field of bytes."""
    return integer(number << 3 | 2) + integer(len(content)) + content


def entry(name: str, dims: tuple[int, ...], kind: str, content: bytes) -> bytes:
    """Encode an array of a MindSpore checkpoint."""
    sizes = b"".join(integer(1 << 3) + integer(size) for size in dims)
    return field(1, field(1, name.encode()) + field(2, sizes + field(2, kind.encode()) + field(3, content)))


VALUES = np.arange(6, dtype="<f4")
WHOLE = (
    entry("conv.weight", (2, 3), "Float32", VALUES.tobytes()) + entry("conv.bias", (6,), "Float32", VALUES.tobytes()),
    save({"conv.weight": VALUES.reshape(2, 3), "conv.bias": VALUES}),
)


def damaged(chance: random.Random) -> bytes:
    """Make a whole file with bytes changed, inserted or removed, and lengths written over it."""
    data = bytearray(chance.choice(WHOLE))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = chance.randbytes(chance.randrange(5))
            case 1:
                del data[at : at + chance.randint(1, 16)]
            case 2:
                data[at:at] = chance.randbytes(chance.randrange(17))
            case 3:
                data[:8] = struct.pack("<Q", chance.choice((*SIZES, chance.getrandbits(64), chance.randrange(400))))
            case 4:
                data[at:at] = b"\xff\xff\xff\xff\x0f"  # a length of four gigabytes
            case 5:
                del data[at:]
    return bytes(data)


def size(chance: random.Random) -> int:
    """Draw a size of an array, plausible or not."""
    return chance.choice(SIZES) if chance.random() < 0.5 else chance.randrange(8)


def invented_checkpoint(chance: random.Random) -> bytes:
    """Make a MindSpore checkpoint in which nothing needs to fit."""
    entries = []
    for _ in range(chance.randint(1, 3)):
        dims = tuple(size(chance) for _ in range(chance.randrange(5)))
        kind = chance.choice((*NUMBERS, "str", "Float32", "BFloat16", "", "\x00"))
        entries.append(entry(chance.choice(NAMES), dims, kind, chance.randbytes(chance.choice((0, 1, 4, 24, 64)))))
    return b"".join(entries)


def invented_safetensors(chance: random.Random) -> bytes:
    """Make a safetensors file in whose header nothing needs to fit."""
    length = chance.choice((0, 4, 24, 48, 100))

    def offset() -> int:
        return chance.randrange(length + 1) if chance.random() < 0.8 else size(chance)

    header = {}
    for _ in range(chance.randint(1, 3)):
        described = {
            "dtype": chance.choice(TYPES),
            "shape": [size(chance) for _ in range(chance.randrange(5))],
            "data_offsets": [offset() for _ in range(2 if chance.random() < 0.95 else 3)],
        }
        if chance.random() < 0.05:
            del described[chance.choice(list(described))]
        header[chance.choice(NAMES)] = described
    told = json.dumps(header).encode()
    if chance.random() < 0.1:  # every name occurs twice
        told = told[:-1] + b"," + told[1:]
    stated = len(told) if chance.random() < 0.9 else size(chance)
    return struct.pack("<Q", stated % 2**64) + told + chance.randbytes(length)


ARCHIVE = torch_archive({"conv.weight": VALUES.reshape(2, 3), "conv.bias": VALUES})
LIST = pickled({"conv.weight": tensor("0", 6, (2, 3), (3, 1)), "conv.bias": tensor("1", 6, (6,), (1,))})
TENSOR_PARTS = (
    b"(",
    b"t",
    b"}",
    b")",
    b"Q",
    b"R",
    b"b",
    b"s",
    b"u",
    b"K\x06",
    b"J\xff\xff\xff\x7f",
    b"q\x00",
    b"h\x00",
)


def damaged_archive(chance: random.Random) -> bytes:
    """Make a PyTorch archive with bytes changed, cut out, doubled or added, in the file or in its list of tensors."""
    return spoilt(chance, ARCHIVE) if chance.random() < 0.5 else with_list(chance, spoilt(chance, LIST))


def invented_archive(chance: random.Random) -> bytes:
    """Make a PyTorch archive whose list has opcodes in any order, or describes tensors that do not fit."""
    if chance.random() < 0.5:
        parts = (*TENSOR_PARTS, *OPCODES, tensor("0", 6, (6,), (1,)), b"X\x01\x00\x00\x00a", chance.randbytes(1))
        return with_list(
            chance, b"\x80\x02" + b"".join(chance.choice(parts) for _ in range(chance.randrange(60))) + b"."
        )
    described = {}
    for _ in range(chance.randint(1, 3)):
        shape = tuple(min(size(chance), 2**31 - 1) for _ in range(chance.choice((0, 1, 1, 2, 2, 4, 9))))
        strides = in_order(shape) if max(shape, default=0) < 2**10 else shape
        count, begin = (min(size(chance), 2**31 - 1) for _ in range(2))
        described[chance.choice(NAMES)] = tensor(chance.choice("012"), count, shape, strides, begin)
    return with_list(chance, pickled(described))


def with_list(chance: random.Random, described: bytes) -> bytes:
    """Make an archive with a list of tensors and some numbers."""
    numbers = {f"data/{number}": chance.randbytes(chance.choice((0, 3, 24, 24, 100))) for number in range(2)}
    return zipped({"data.pkl": described, **numbers})


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    damaged,
    invented_checkpoint,
    invented_safetensors,
    damaged_archive,
    invented_archive,
)


def read(path: Path, data: bytes) -> str:
    """Read a file, and return the outcome: ``read`` or ``refused``."""
    path.unlink(missing_ok=True)  # arrays may still be mapped from the last file
    path.write_bytes(data)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        read_weights(path)
        ending = "read"
    except ModelError as refused:
        assert refused.message.endswith(".") and refused.hint.endswith("."), (refused.message, data)
        ending = "refused"
    taken = tracemalloc.get_traced_memory()[1] - before
    assert taken < MOST_BYTES, (f"{taken} bytes of memory", data)
    return ending


def main() -> int:
    """Read all inputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=[maker.__name__ for maker in MAKERS], help="kinds of inputs")
    arguments = parser.parse_args()
    makers = [maker for maker in MAKERS if not arguments.only or maker.__name__ in arguments.only]
    chance, endings, different = random.Random(arguments.seed), Counter[tuple[str, str]](), set()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ifrplus-fuzz-") as folder:
        read(Path(folder) / "weights", WHOLE[1])
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tracemalloc.start()
        for number in range(arguments.count):
            maker = makers[number % len(makers)]
            data = maker(chance)
            different.add(hash(data))
            endings[maker.__name__, read(Path(folder) / "weights", data)] += 1
    for maker in makers:
        print(
            f"{maker.__name__:22}" + "".join(f"{endings[maker.__name__, end]:8} {end}" for end in ("read", "refused"))
        )
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1000
    print(f"{len(different)} different inputs in {time.monotonic() - started:.0f} s; memory grew by {grown:.0f} MB")
    return grown > MOST_GROWTH_MB


if __name__ == "__main__":
    sys.exit(main())
