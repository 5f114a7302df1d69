"""Run a network's ONNX graph with ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ifrplus_cli.errors import DeviceError, IfrplusError, ModelError, first_line, network_failure
from ifrplus_cli.models import MODELS, ModelSpec, Scales
from ifrplus_cli.network.device import Device, this_machine
from ifrplus_cli.network.onnx_cache import REMEDY, bundled_graph, find_graph, reads_weights
from ifrplus_cli.weights.manifest import find_weights
from ifrplus_cli.weights.reading import load_weights, read_weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

Batch = npt.NDArray[np.float32]
Parameters = Mapping[str, npt.NDArray[np.floating]]
Shape = tuple[int, int, int]  # batch size, height, width

CPU_PROVIDER = "CPUExecutionProvider"
# Best first. TensorRT comes after CUDA: it takes a minute to compile a network, and whoever has it has CUDA as well.
GPU_PROVIDERS = (
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
    "MIGraphXExecutionProvider",
    "ROCMExecutionProvider",
    "OpenVINOExecutionProvider",
    "DmlExecutionProvider",
    "CoreMLExecutionProvider",
)
INSTALL = "Install it: pip install onnxruntime onnx 'numpy<2'."
TENSORS = ("picture", "made")  # input and output of a convolution
SILENT = 4  # log level: only what ends the process is logged; everything else comes as an exception
TRIAL: Shape = (1, 32, 32)
GREY = 0.5
AS_REQUESTED = 1  # ONNX Runtime's number for an arena that grows by what is missing, and not to twice its size


def is_installed() -> bool:
    """Return whether ONNX Runtime can be imported, without importing it."""
    return find_spec("onnxruntime") is not None


def version() -> str:
    """Return the version of the installed ONNX Runtime."""
    return str(_onnxruntime().__version__)


def gpu_providers() -> tuple[str, ...]:
    """Return the GPU execution providers of the installed ONNX Runtime, working or not, best first."""
    built_in = _onnxruntime().get_available_providers()
    return tuple(provider for provider in GPU_PROVIDERS if provider in built_in)


def makes_graphs() -> bool:
    """Return whether graphs that do not come with the package can be built."""
    return find_spec("onnx") is not None


def choose_gpu_provider(number: int) -> str:
    """Return the first execution provider that really makes a picture on a GPU.

    Raises:
        DeviceError: if none does, with the message of each.
    """
    reasons = []
    for provider in gpu_providers():
        try:
            _try(OnnxNetwork(MODELS["lite"], TRIAL, provider, number))
        except IfrplusError as error:
            reasons.append(error.message.rstrip("."))
        else:
            return provider
    raise DeviceError(
        f"ONNX Runtime can't use the device {Device('GPU', number)}: {'; '.join(reasons)}.",
        "Install the driver and the libraries that its provider needs, or choose --device CPU.",
    )


class OnnxNetwork:
    """Run a network's graph on numpy arrays, in any number of threads; except on a CPU, only for one shape.

    Without its last step, a network may also leave out what sees one frame alone: ``encode`` does that.

    Args:
        shape: of the inputs that it will be given.
        provider: ONNX Runtime's execution provider.
        number: number of the GPU.
        weights: a file of the network's parameters; by default the one found in the weights folders.
        scales: scales of its graph; by default the preset for this shape.
        threads: threads per picture on a CPU; by default one for each core.
        parts: leave out the network's last step; see ``ModelSpec.build_parts``.
        precision: ``fp32``, or ``int8`` for parts on a CPU.

    Raises:
        DeviceError: if ONNX Runtime is missing, or uses another provider than this one.
        ModelError: if the weights or the graph can't be read, or do not fit, or the CPU can't compute in 8 bits.
    """

    def __init__(
        self,
        spec: ModelSpec,
        shape: Shape,
        provider: str,
        number: int = 0,
        weights: Path | None = None,
        scales: Scales | None = None,
        threads: int | None = None,
        parts: bool = False,
        precision: str = "fp32",
    ) -> None:
        if precision == "int8" and not this_machine().multiplies_int8():
            raise ModelError(
                "This CPU has no instructions for 8 bits (VNNI or AMX): sums of products would overflow.",
                "Leave --precision out, or use --precision fp32.",
            )
        assert spec.graph is not None
        weights = weights or find_weights(spec.weights)
        graph = find_graph(spec, scales or spec.scales(*shape[1:]), weights, parts=parts, precision=precision)
        features = bundled_graph(spec.graph.features_file_name) if parts and spec.graph.features_file_name else None
        reads_own = reads_weights(graph, weights)
        if precision == "int8" and not reads_own:
            raise ModelError("The graph in 8 bits is one of other weights.", "Add --precision fp32.")
        # Kept alive: ONNX Runtime reads them in place.
        self._parameters = {} if reads_own else _parameters(spec, weights)
        own, alone = _divided(self._parameters, spec.graph.features_prefix if features else None)
        place = provider, number
        self._session = _open(graph, _options_for(own, threads, None if provider == CPU_PROVIDER else shape), *place)
        self._encoder = _open(features, _options_for(alone, threads), *place) if features else None

    def __call__(self, *arrays: Batch) -> Batch:
        return _run(self._session, arrays)

    def encode(self, frames: Batch) -> Batch:
        """Compute the features of (N, 3, H, W) frames, of which ``ModelSpec.graph`` tells; only for such a network."""
        assert self._encoder is not None
        return _run(self._encoder, [frames])


def _run(session: InferenceSession, arrays: Sequence[Batch]) -> Batch:
    names = [argument.name for argument in session.get_inputs()]
    inputs = {name: np.ascontiguousarray(array) for name, array in zip(names, arrays, strict=True)}
    try:
        made: Batch = session.run(None, inputs)[0]
    except Exception as error:  # its exceptions have no other common class
        raise network_failure(error) from error
    return made


def convolution(weight: Batch, provider: str, number: int) -> Callable[[Batch], Batch]:
    """Return a convolution (1, C, H, W) to (1, O, H, W) with a (O, C, 3, 3) kernel.

    Raises:
        DeviceError: if the package onnx is missing, which builds its graph.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise DeviceError(f"The package onnx can't be loaded: {error}.", INSTALL) from error

    from ifrplus_cli.models.onnx_graph import IR_VERSION, OPSET

    around = [1, 1, 1, 1]
    node = helper.make_node("Conv", ["picture", "weight"], ["made"], kernel_shape=[3, 3], pads=around)
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None, None])] for name in TENSORS]
    graph = helper.make_graph([node], "convolution", *ends, [numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = _open(model.SerializeToString(), _options(), provider, number)

    def run(picture: Batch) -> Batch:
        made: Batch = session.run(None, {"picture": picture})[0]
        return made

    return run


def _parameters(spec: ModelSpec, weights: Path | None) -> Parameters:
    """Load a network's parameters in the type of its graph; graphs that come with the package use half precision."""
    assert spec.graph is not None
    own = find_weights(spec.weights)
    if weights is None or (spec.graph.file_name and own is None):
        raise ModelError(f"The weights {spec.weights} are not installed.", REMEDY)
    if own is not None and spec.graph.file_name:
        shapes = {name: value.shape for name, value in read_weights(own).items()}
        return _halves(load_weights(weights, shapes))
    return load_weights(weights, spec.graph.shapes)


def _divided(values: Parameters, prefix: str | None) -> tuple[Parameters, Parameters]:
    """Divide parameters into those of other names and those whose names begin with ``prefix``, if there is one."""
    alone = {name for name in values if prefix is not None and name.startswith(prefix)}
    return {name: values[name] for name in values if name not in alone}, {name: values[name] for name in alone}


def _onnxruntime() -> Any:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # otherwise it reports its use to its makers
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceError(f"ONNX Runtime can't be loaded: {error}.", INSTALL) from error
    onnxruntime.set_default_logger_severity(SILENT)
    return onnxruntime


def _options(threads: int | None = None) -> SessionOptions:
    """Return the session options of every graph; the figures are for lite at 1920x1080 on two cores."""
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or this_machine().cores()
    # Threads that spin while they wait gain nothing, and take the cores from the decoder and the encoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = True  # without it every run allocates its memory again: 20 % slower
    options.enable_mem_pattern = False  # one block for all values of a run: no faster, but 430 MB more
    return options


def _options_for(values: Parameters, threads: int | None, shape: Shape | None = None) -> SessionOptions:
    """Return the session options of a graph that takes these parameters, for one shape or any."""
    options = _options(threads)
    if shape:
        _fix_sizes(options, shape)
    wrap = _onnxruntime().OrtValue.ortvalue_from_numpy
    options.add_external_initializers(list(values), [*map(wrap, values.values())])
    return options


def _fix_sizes(options: SessionOptions, shape: Shape) -> None:
    """Fix the graph's dimensions, because GPU providers compile for one size."""
    batch, height, width = shape
    quarter = {"quarter_height": height // 4, "quarter_width": width // 4}
    sizes = {"batch": batch, "height": height, "width": width, **quarter}
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)


def _halves(values: Mapping[str, Batch]) -> dict[str, npt.NDArray[np.float16]]:
    """Convert parameters to half precision, as the graphs use it."""
    with np.errstate(over="ignore"):
        halves = {name: value.astype(np.float16) for name, value in values.items()}
    if not all(np.isfinite(value).all() for value in halves.values()):
        raise ModelError("These weights are too large for half precision.", "Add --engine mindspore.")
    return halves


@cache
def _share_memory() -> None:
    """Let all graphs of this process take what they need from one arena: what one has left, another can take."""
    ort = _onnxruntime()
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg({"arena_extend_strategy": AS_REQUESTED}))


def _open(graph: Path | bytes, options: SessionOptions, provider: str, number: int) -> InferenceSession:
    if provider == CPU_PROVIDER:
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        session = _onnxruntime().InferenceSession(graph, options, [(provider, _provider_options(provider, number))])
    except Exception as error:
        reason = first_line(error)
        if provider != CPU_PROVIDER:
            raise DeviceError(f"{provider} failed: {reason}.", "Choose --device CPU.") from error
        raise ModelError(f"The ONNX graph can't be used: {reason}.", REMEDY) from error
    session.disable_fallback()
    if session.get_providers()[0] != provider:  # ONNX Runtime falls back to the CPU without an error
        raise DeviceError(f"{provider} is not usable here.", "Choose --device CPU.")
    return session


def _provider_options(provider: str, number: int) -> dict[str, str]:
    if provider in (CPU_PROVIDER, "CoreMLExecutionProvider"):
        return {}
    if provider == "OpenVINOExecutionProvider":
        return {"device_type": f"GPU.{number}"}
    return {"device_id": str(number)}


def _try(network: OnnxNetwork) -> None:
    """Make a grey picture between two grey ones, and check it."""
    batch, height, width = TRIAL
    frame = np.full((batch, 3, height, width), GREY, np.float32)
    still = np.zeros((batch, 4, height // 4, width // 4), np.float32)
    made = network(frame, frame, still, np.full((batch, 1, 1, 1), 0.5, np.float32))
    if not np.abs(made - GREY).max() < 0.1:
        raise DeviceError("it computes wrong pictures")
