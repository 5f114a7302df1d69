"""Read and write files of weights: safetensors, MindSpore checkpoints and PyTorch archives; nothing is unpickled."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ifrplus_cli.errors import ModelError
from ifrplus_cli.files import whole_file
from ifrplus_cli.weights.mindspore_ckpt import read_checkpoint
from ifrplus_cli.weights.torch_archive import read_torch_archive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ZIP = b"PK\x03\x04"
HEADER = 8  # bytes of the header's length, of which it is a multiple
FORMATS = "Give a complete .safetensors file, MindSpore .ckpt or PyTorch .pth file of weights."
# What a training run stores beside the parameters: its optimizer's copies of them, counters, and networks that teach.
TRAINING_STATE = re.compile(
    r"(.*\.)?((accu_grads|accum|accum_update|adam_m|adam_v|exp_avg|exp_avg_sq|exp_inf|lamb_m|lamb_v|max_exp_avg_sq|mean_grad"
    r"|mean_square|moment|moment1|moment2|moments|momentum_buf|stat|vhat|teacher|caltime)\..*"
    r"|beta1_power|beta2_power|current_iterator_step|epoch_num|global_step|last_overflow_iterator_step|learning_rate\w*"
    r"|loss_scale|momentum|scale_sense|state_step|step_num|weight_decay)"
)
Value = TypeVar("Value")


def load_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float32]]:
    """Load a network's parameters as float32, with exactly the names and shapes of ``shapes``.

    Raises:
        ModelError: if the file can't be read, does not fit the network, or contains values that are not finite.
    """
    import numpy as np

    found = network_parameters(read_weights(path), shapes)
    check_names({name: value.shape for name, value in found.items()}, dict(shapes), path)
    values = {name: np.array(value, np.float32) for name, value in found.items()}
    broken = [name for name, value in values.items() if not np.isfinite(value).all()]
    if broken:
        raise ModelError(
            f"{path.name} is damaged: {len(broken)} parameters (such as {broken[0]}) are not finite numbers.",
            "Use another checkpoint of the training, or download the file again.",
        )
    return values


def read_weights(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    """Read all arrays of a .safetensors, MindSpore .ckpt or PyTorch .pth file; the content decides which format it is.

    Raises:
        ModelError: if the file is missing, damaged, or of another kind; nothing is ever unpickled.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        with path.open("rb") as file:
            start = file.read(9)
        found: Mapping[str, npt.NDArray[Any]]
        if start[7:] == b"\0{":
            found = load_file(path)
        elif start.startswith(ZIP):
            found = read_torch_archive(path)
        else:
            found = read_checkpoint(_no_pickle(path, start))
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:  # the last two: rare types
        reason = str(error).rstrip(".")
        raise ModelError(f"{path} can't be read as weights: {reason}.", FORMATS) from error
    if not found:
        raise ModelError(f"{path} contains no parameters.", FORMATS)
    return found


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a .safetensors file.

    Raises:
        ModelError: if it can't be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} can't be read: {error}.", "Delete it.") from error


def write_weights(values: Mapping[str, npt.NDArray[Any]], path: Path, card: Mapping[str, str]) -> None:
    """Write a .safetensors file with ``card`` as its metadata; it gets its name only when it is complete.

    The same values and card make the same bytes: runs and workers compare weights by their checksums.
    """
    from safetensors.numpy import save

    with whole_file(path) as part:
        part.write_bytes(_in_order(save(dict(values), dict(card))))


def _in_order(content: bytes) -> bytes:
    """Sort the metadata of a .safetensors file, which the library writes in an order of chance."""
    end = HEADER + int.from_bytes(content[:HEADER], "little")
    header = json.loads(content[HEADER:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    packed = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    packed += b" " * (-len(packed) % HEADER)
    return len(packed).to_bytes(HEADER, "little") + packed + content[end:]


def _no_pickle(path: Path, start: bytes) -> Path:
    if start.startswith(b"\x80"):
        raise ModelError(
            f"{path.name} is a pickle, or a PyTorch file of before 2020; such files can run programs and are not read.",
            "Save it again with a later PyTorch, on a machine where it may run.",
        )
    return path


def network_parameters(found: Mapping[str, Value], wanted: Collection[str]) -> dict[str, Value]:
    """Select the network's own parameters among those that a training run has stored.

    Optimizer states and counters are dropped, and the prefix that a training cell adds to the network's names is
    removed. A file with such states also contains the networks that the loss used: if all ``wanted`` names exist,
    parameters outside the network's own branches are dropped too. Everything else stays, and is refused later.
    """
    kept = {name: value for name, value in found.items() if not TRAINING_STATE.fullmatch(name)}
    prefix = _common_prefix(kept, wanted)
    own = {name.removeprefix(prefix): value for name, value in kept.items()}
    if len(kept) < len(found) and own.keys() >= set(wanted):
        branches = {name.partition(".")[0] for name in wanted}
        own = {name: value for name, value in own.items() if name.partition(".")[0] in branches}
    return own


def _common_prefix(names: Collection[str], wanted: Collection[str]) -> str:
    """Return the most frequent prefix of a wanted name; the shortest of several."""
    counts: Counter[str] = Counter()
    for name in names:
        starts = (0, *(at + 1 for at, sign in enumerate(name) if sign == "."))
        counts.update(name[:start] for start in starts if name[start:] in wanted)
    return max(counts, key=lambda prefix: (counts[prefix], -len(prefix)), default="")


def check_names(found: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]], path: Path) -> None:
    """Compare names and shapes of a file's parameters with those of a network.

    Raises:
        ModelError: naming the parameters that are missing, unexpected or of another shape.
    """
    missing, unexpected = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    shapes = [
        f"{name}: {_size(found[name])} instead of {_size(wanted[name])}"
        for name in sorted(wanted.keys() & found.keys())
        if wanted[name] != found[name]
    ]
    faults = [
        f"{len(names)} {fault} (such as {names[0]})"
        for fault, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if faults:
        raise ModelError(
            f"{path.name} does not fit the network: parameters {', '.join(faults)}.",
            "Give the network's own weights, or name with --model the network to which these belong.",
        )


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
