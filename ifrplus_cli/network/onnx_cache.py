"""Find a network's ONNX graph: it comes with the package, or is built here and kept beside the weights."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ifrplus_cli.errors import ModelError
from ifrplus_cli.files import sha256_of
from ifrplus_cli.models import ModelSpec, Scales
from ifrplus_cli.network.network_code import code_checksum
from ifrplus_cli.weights.manifest import find_file, find_weights

if TYPE_CHECKING:
    from ifrplus_cli.models.onnx_graph import Parameter

REMEDY = "Install the program again, or add --engine mindspore."


def find_graph(
    spec: ModelSpec, scales: Scales, weights: Path | None, *, parts: bool = False, precision: str = "fp32"
) -> Path | bytes:
    """Return the graph of a network for some scales, as a file or as the bytes of one.

    A graph that was built is kept beside the weights that were found for the network, as long as these and
    the code of the networks stay the same, and the weights store the parameters as the graph takes them. Nothing is
    written beside a file that a user names, and a folder that is not writable is no obstacle.

    Args:
        weights: the weights with which it will be run; a graph takes any that fit the network.
        parts: return the graph without the network's last step; see ``ModelSpec.build_parts``.
        precision: ``fp32``, or ``int8`` for the graph in 8 bits, which is one without the last step.

    Raises:
        ModelError: if there is none.
    """
    assert spec.graph is not None
    file_name = spec.graph.parts_file_name if parts else spec.graph.file_name
    if precision == "int8":
        file_name = spec.graph.int8_file_name
    if file_name is not None:
        return bundled_graph(file_name)
    parameters = _stored(spec, weights) if weights and weights == find_weights(spec.weights) else None
    if weights is None or parameters is None:
        return _made(spec, scales, _elsewhere(spec), {})
    card = {
        "name": spec.name,
        "weights": weights.name,
        "weights_sha256": sha256_of(weights),
        "flow_scale": f"{scales.flow:g}",
        "code": code_checksum(),
    }
    kept = weights.with_name(f"{spec.name}-flow-{scales.flow:g}.onnx")
    if _card(kept) == card:
        return kept
    made = _made(spec, scales, parameters, card)
    return kept if _keep(made, kept) else made


def bundled_graph(file_name: str) -> Path:
    """Return the file of a graph that comes with the package.

    Raises:
        ModelError: if it is missing.
    """
    bundled = find_file(file_name)
    if bundled is None:
        raise ModelError(f"The ONNX graph {file_name} is missing.", REMEDY)
    return bundled


def reads_weights(graph: Path | bytes, weights: Path | None) -> bool:
    """Return whether a graph was made of just this file of weights, and all that it reads lies beside it.

    It then reads the parameters by itself, which saves a copy of all of them, and their conversion. A graph in 8 bits
    also reads a file of kernels, which has its name.
    """
    if weights is None or isinstance(graph, bytes):
        return False
    content, kernels = graph.read_bytes(), graph.with_suffix(".safetensors")
    read = {weights, kernels} if kernels.name.encode() in content else {weights}
    return all(_lies_beside(graph, file) and _is_named(file, content) for file in read)


def _lies_beside(graph: Path, file: Path) -> bool:
    """Return whether ONNX Runtime reads a file for a graph: none beyond its folder, also where a link leads there."""
    folder = graph.resolve().parent
    return file.is_file() and file.parent == graph.parent and folder == graph.parent.resolve() == file.resolve().parent


def _is_named(file: Path, content: bytes) -> bool:
    """Return whether the content of a graph has the name and the checksum of a file."""
    return file.name.encode() in content and sha256_of(file).encode() in content


def _stored(spec: ModelSpec, weights: Path) -> Sequence[Parameter] | None:
    """Return the locations of the parameters in a file; None if it has another format or other parameters."""
    from ifrplus_cli.models.onnx_graph import stored_parameters

    assert spec.graph is not None
    try:
        found = stored_parameters(weights)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    wanted = {name: ("F32", shape) for name, shape in spec.graph.shapes.items()}
    return found if {each.name: (each.kind, each.shape) for each in found} == wanted else None


def _elsewhere(spec: ModelSpec) -> Sequence[Parameter]:
    """Return parameters whose values are supplied when the graph is opened."""
    from ifrplus_cli.models.onnx_graph import Parameter

    assert spec.graph is not None
    return [Parameter(name, "F32", shape, "given") for name, shape in spec.graph.shapes.items()]


def _made(spec: ModelSpec, scales: Scales, parameters: Sequence[Parameter], card: Mapping[str, str]) -> bytes:
    assert spec.graph is not None and spec.graph.build is not None
    made: bytes = spec.graph.build(scales, parameters, card).SerializeToString(deterministic=True)
    return made


def _card(graph: Path) -> dict[str, str] | None:
    """Return a graph's metadata; None if there is no readable graph."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(graph, load_external_data=False)
    except (OSError, DecodeError):
        return None
    return {entry.key: entry.value for entry in model.metadata_props}


def _keep(graph: bytes, path: Path) -> bool:
    """Store a graph atomically; return whether that was possible."""
    part = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        part.write_bytes(graph)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        return False
    return True
