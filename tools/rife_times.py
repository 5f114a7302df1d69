"""Compare the time of a made frame of RIFE in both engines with PyTorch's, and with a whole frame of lite, in one run.

    PYTHONPATH=. python tools/rife_times.py [--size 448x256 1280x720] [--runs 9] [--threads 2]

Needs PyTorch beside the program, and ``ifrplus download-weights rife``. All take turns, so that a busy machine is
busy for all of them; seconds of the clock and of the processor are medians. PyTorch runs the twin in ``rife_torch.py``.
MindSpore takes as many threads as it likes. Frames of lite are those of neighbouring pairs in a film, with their flow,
in the precision that ``auto`` takes here.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rife_torch import Rife

from ifrplus_cli.frames.synthetic_scene import moving_scene
from ifrplus_cli.measure.timing import neighbouring_pairs
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.models.rife_layers import shapes
from ifrplus_cli.network.device import choose_device
from ifrplus_cli.network.engine import choose_engine
from ifrplus_cli.network.engine_mindspore import MindSporeNetwork
from ifrplus_cli.network.engine_onnx import CPU_PROVIDER, Batch, OnnxNetwork
from ifrplus_cli.network.interpolator import Interpolator, load_model
from ifrplus_cli.network.plan import plan_network
from ifrplus_cli.values import HALF
from ifrplus_cli.weights.manifest import find_weights
from ifrplus_cli.weights.reading import load_weights

Run = Callable[[Batch, Batch, Batch], Batch]
RIFE, WHOLE = MODELS["rife"], Scales(1)


def in_torch(weights: Path) -> Run:
    network = Rife()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in load_weights(weights, shapes()).items()})

    def run(left: Batch, right: Batch, t: Batch) -> Batch:
        with torch.no_grad():
            return network(torch.from_numpy(left), torch.from_numpy(right), t.item())[0].numpy()

    return run


def lite_frames(width: int, height: int) -> Iterator[object]:
    """Yield whole frames of lite."""
    engine, device, _ = choose_engine("onnx", "CPU", "lite")
    plan = plan_network(MODELS["lite"], engine, device, (height, width), [HALF])
    interpolate = Interpolator(load_model(plan))
    for left, right in neighbouring_pairs(moving_scene(width, height, 2)):
        yield interpolate(left, right, [HALF])


def compare(networks: dict[str, Run], width: int, height: int, runs: int) -> None:
    """Print the times of all at one size."""
    multiple = RIFE.multiple(WHOLE)
    pad = ((0, 0), (0, 0), (0, -height % multiple), (0, -width % multiple))
    scene = moving_scene(width, height, 2)
    pair = [np.pad(image.transpose(2, 0, 1)[np.newaxis], pad, "edge") for image in scene]
    given = (*pair, np.full((1, 1, 1, 1), 0.5, np.float32))
    first = {name: run(*given) for name, run in networks.items()}
    apart = max(float(np.abs(made - first["PyTorch"]).max()) for made in first.values())
    work: dict[str, Callable[[], object]] = {name: partial(run, *given) for name, run in networks.items()}
    work["lite, whole"] = partial(next, lite_frames(width, height))
    work["lite, whole"]()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(runs):
        for name, make in work.items():
            began = time.perf_counter(), time.process_time()
            make()
            seconds[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    print(f"{width}x{height}, pictures of RIFE at most {apart:.1e} apart")
    for name, measured in seconds.items():
        clock, processor = (statistics.median(part) for part in zip(*measured, strict=True))
        print(f"  {name:14} {clock:.3f} s, {processor:.3f} s of the processor")


def main() -> None:
    """Measure all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", default=["448x256", "1280x720"])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    weights = find_weights("rife")
    if weights is None:
        raise SystemExit("The weights are missing: run ifrplus download-weights rife.")
    torch.set_num_threads(options.threads)
    choose_device("CPU")
    networks: dict[str, Run] = {
        "ONNX Runtime": OnnxNetwork(RIFE, (1, 64, 64), CPU_PROVIDER, 0, weights, WHOLE, options.threads),
        "MindSpore": MindSporeNetwork(RIFE.build(WHOLE, "fp32"), weights),
        "PyTorch": in_torch(weights),
    }
    for size in options.size:
        compare(networks, *map(int, size.split("x")), options.runs)


if __name__ == "__main__":
    main()
