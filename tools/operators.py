"""Show where the time of the lite network goes, by operator, according to each engine's own profiler.

    PYTHONPATH=. python tools/operators.py [--size 448x256] [--runs 20] [--threads 2]

The pictures are two frames of a real clip with their flow. Milliseconds are per made frame; reshapes, and operators
that take less than a hundredth, are summed in the last line.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sample_clips import sample_clips

from ifrplus_cli.frames.flow import intermediate_flow, pair_flow
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.weights.manifest import find_weights
from ifrplus_cli.weights.reading import load_weights

Inputs = dict[str, npt.NDArray[np.float32]]
LEAST = 0.01  # smallest share of the whole that gets a line of its own
WARM_UP = 3  # runs before profiling starts


def frames(width: int, height: int) -> Inputs:
    """Return the network's inputs for two frames, two apart, of a clip with motion."""
    clip = cv2.VideoCapture(str(sample_clips() / "bikes.mp4"))
    shown = [cv2.cvtColor(clip.read()[1], cv2.COLOR_BGR2RGB) for _ in range(3)]
    left, right = (cv2.resize(shown[k], (width, height)).astype(np.float32) / 255 for k in (0, 2))
    prior = intermediate_flow(pair_flow(left, right), 0.5)
    pictures = {"left": left.transpose(2, 0, 1)[None], "right": right.transpose(2, 0, 1)[None]}
    given = {**pictures, "prior": prior[None], "t": np.full((1, 1, 1, 1), 0.5, np.float32)}
    return {name: np.ascontiguousarray(array) for name, array in given.items()}


def onnx(inputs: Inputs, runs: int, threads: int, folder: Path) -> Counter[str]:
    """Return the milliseconds of all runs by operator in ONNX Runtime."""
    import onnxruntime

    weights = find_weights("lite")
    assert weights is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "onnx")
    session = onnxruntime.InferenceSession(
        str(weights.with_suffix(".onnx")), options, providers=["CPUExecutionProvider"]
    )
    for _ in range(WARM_UP + runs):
        session.run(None, inputs)
    events = json.loads(Path(session.end_profiling()).read_text())
    whole = [event for event in events if event["name"] == "model_run"]
    first = whole[WARM_UP]["ts"]
    spent: Counter[str] = Counter()
    for event in events:
        if event["name"].endswith("_kernel_time") and event["ts"] >= first:
            spent[event["args"]["op_name"]] += event["dur"] / 1000
    return spent


def mindspore(inputs: Inputs, runs: int, threads: int, folder: Path) -> Counter[str]:
    """Return the same for MindSpore in graph mode."""
    import mindspore as ms

    ms.set_context(mode=ms.GRAPH_MODE, device_target="CPU", runtime_num_threads=threads)
    cell = MODELS["lite"].build(Scales(1), "fp32")
    own = dict(cell.parameters_and_names())
    weights = find_weights("lite")
    assert weights is not None
    for name, value in load_weights(weights, {name: tuple(one.shape) for name, one in own.items()}).items():
        own[name].set_data(ms.Tensor(value, own[name].dtype))
    tensors = [ms.Tensor(array) for array in inputs.values()]
    for _ in range(WARM_UP):
        cell(*tensors).asnumpy()
    profiler = ms.Profiler(output_path=str(folder))
    for _ in range(runs):
        cell(*tensors).asnumpy()
    profiler.analyse()
    (table,) = folder.glob("**/cpu_op_type_info_0.csv")
    with table.open() as file:
        return Counter({row["op_type"]: float(row["total_compute_time"]) for row in csv.DictReader(file)})


ENGINES: dict[str, Callable[[Inputs, int, int, Path], Counter[str]]] = {"onnx": onnx, "mindspore": mindspore}


def show(name: str, spent: Counter[str], runs: int) -> None:
    """Print a table, the longest times first."""
    whole = spent.total()
    print(f"\n{name}: {whole / runs:.1f} ms a frame in operators")
    rest = 0.0
    for operator, milliseconds in spent.most_common():
        if milliseconds < LEAST * whole:
            rest += milliseconds
        else:
            print(f"  {operator:24}{milliseconds / runs:8.2f} ms{milliseconds / whole:8.1%}")
    print(f"  {'others':24}{rest / runs:8.2f} ms{rest / whole:8.1%}")


def main() -> None:
    """Profile each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="448x256", help="multiples of 32")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    inputs = frames(width, height)
    for name, profile in ENGINES.items():
        with tempfile.TemporaryDirectory() as folder:
            show(name, profile(inputs, arguments.runs, arguments.threads, Path(folder)), arguments.runs)


if __name__ == "__main__":
    main()
