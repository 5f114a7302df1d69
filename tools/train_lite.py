"""Train the lite network on a pack of ``lite_data.py``, on CPU or on a CUDA device; see README.md here."""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from lite_data import ERROR_CELL, Bytes, Sample, backward_warp, decode, to_float
from lite_start import STEEP
from lite_torch import Lite, enlarge, merge
from overlays import with_overlay
from safetensors import safe_open
from sprites import with_sprites
from torch import Tensor
from torch.nn import functional

from ifrplus_cli.frames.flow import GRID, Neighbour, intermediate_flow, pair_flow
from ifrplus_cli.training.augment import Example, augmented, part
from ifrplus_cli.training.recipe import (
    ENERGY_BANDS,
    ENERGY_WINDOW,
    LAPLACIAN_LEVELS,
    LEAST_ENERGY,
    RECIPES,
    learning_rate,
)

RECIPE = RECIPES["small"]
AUGMENTATION = RECIPE.augmentation
STAY, FAST = 2, 30  # the output that says what stays, and the factor on its changes
STILL_CROP = 0.2  # mean motion in pixels
HOLD_OUT_FRAMES = 21
TUNE_SECONDS, TUNE_STEPS = 60, 3  # how often the number of threads is tried again on a CPU


@dataclass(frozen=True)
class Batch:
    """Images (N, 3, S, S) in 0..1; t (N, 1, 1, 1); prior (N, 4, S/4, S/4) in pixels."""

    left: Tensor
    middle: Tensor
    right: Tensor
    t: Tensor
    prior: Tensor


class Pack:
    """The samples of a pack, cut and augmented as ``ifrplus train`` does it, in batches on ``device``."""

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        synthetic_share: float,
        overlay_share: float,
        sprite_share: float,
        seed: int,
    ) -> None:
        with np.load(folder / "index.npz") as index:
            self._index = {name: index[name] for name in index.files}
        self._frames = np.memmap(folder / "frames.u8", np.uint8, "r")
        self._flows = np.memmap(folder / "flows.f16", np.float16, "r")
        self._device = device
        self._draw = np.random.default_rng(seed)
        self._overlay_share = overlay_share
        self._sprite_share = sprite_share
        synthetic = self._index["synthetic"]
        middle = self._index["t"] == 0.5
        # three of four real samples at the midpoint, whatever their number in the pack
        weights = np.where(
            synthetic, 0.0, np.where(middle, 3 / (middle & ~synthetic).sum(), 1 / (~middle & ~synthetic).sum())
        )
        weights *= (1 - synthetic_share) / weights.sum()
        if synthetic.any():
            weights += synthetic_share * synthetic / synthetic.sum()
        self._cumulative = np.cumsum(weights / weights.sum())

    def batch(self, count: int, size: int) -> Batch:
        """Draw ``count`` random crops of ``size`` x ``size``, augmented."""
        examples = [augmented(self._crop(size), size, AUGMENTATION, self._draw) for _ in range(count)]
        left, middle, right = (
            self._pictures([getattr(e, name) for e in examples]) for name in ("left", "true", "right")
        )
        t = torch.tensor([e.t for e in examples], device=self._device).view(-1, 1, 1, 1)
        flows = torch.from_numpy(np.stack([e.flows[:4] for e in examples]).astype(np.float32)).to(self._device)
        return Batch(left, middle, right, t, flows)

    def _pictures(self, pictures: list[Bytes]) -> Tensor:
        return torch.from_numpy(np.stack(pictures)).to(self._device).permute(0, 3, 1, 2).float() / 255

    def _crop(self, size: int) -> Example:
        while True:
            number = int(np.searchsorted(self._cumulative, self._draw.random()))
            number = min(number, len(self._cumulative) - 1)
            height, width = (int(side) for side in self._index["sizes"][number])
            places = [self._place(height, width, size) for _ in range(2)]
            place = max(places, key=lambda place: self._hardness(number, place, size))
            example = part(self._example(number, height, width), *place, size)
            if np.abs(example.flows[:2] - example.flows[2:4]).mean() >= STILL_CROP:
                break
        if self._draw.random() < self._overlay_share:
            example = _example_of(with_overlay(self._draw, (example.left, example.true, example.right), example.t))
        if self._draw.random() < self._sprite_share:
            frames = example.left, example.true, example.right
            example = _example_of(with_sprites(self._draw, frames, example.t, self._texture(size)))
        return example

    def _texture(self, size: int) -> Bytes:
        """Return a part of any frame."""
        number = int(self._draw.integers(len(self._cumulative)))
        height, width = (int(side) for side in self._index["sizes"][number])
        return part(self._example(number, height, width), *self._place(height, width, size), size).true

    def _example(self, number: int, height: int, width: int) -> Example:
        """Return a whole sample; what is not cut out of it is never read."""
        grid_height, grid_width = height // GRID, width // GRID
        start = int(self._index["flow_starts"][number])
        flows = self._flows[start : start + 8 * grid_height * grid_width].reshape(8, grid_height, grid_width)
        left, true, right = (
            self._frames[start : start + height * width * 3].reshape(height, width, 3)
            for start in self._index["starts"][number]
        )
        return Example(left, true, right, float(self._index["t"][number]), flows)

    def _place(self, height: int, width: int, size: int) -> tuple[int, int]:
        rows, columns = (height - size) // GRID + 1, (width - size) // GRID + 1
        return GRID * int(self._draw.integers(rows)), GRID * int(self._draw.integers(columns))

    def _hardness(self, number: int, place: tuple[int, int], size: int) -> float:
        height, width = (int(side) // ERROR_CELL for side in self._index["sizes"][number])
        start = self._index["error_starts"][number]
        errors = self._index["errors"][start : start + height * width].reshape(height, width)
        y, x = (side // ERROR_CELL for side in place)
        return float(errors[y : y + size // ERROR_CELL, x : x + size // ERROR_CELL].mean())


def _example_of(sample: Sample) -> Example:
    return Example(*sample.frames, sample.t, sample.flows.astype(np.float32))


def laplacian_loss(made: Tensor, true: Tensor) -> Tensor:
    """Sum of the mean absolute differences of all levels of a Laplacian pyramid."""
    difference = made - true  # the pyramid is linear: that of the difference is the difference of the pyramids
    loss = difference.new_zeros(())
    for _ in range(LAPLACIAN_LEVELS - 1):
        smaller = functional.avg_pool2d(difference, 2)
        loss = loss + (difference - enlarge(smaller)).abs().mean()
        difference = smaller
    return loss + difference.abs().mean()


def energy_loss(made: Tensor, true: Tensor) -> Tensor:
    """Mean absolute difference of the local energy of the finest bands, in each colour: what is blurred loses energy.

    Energy is the root of the mean square over windows of ENERGY_WINDOW x ENERGY_WINDOW pixels, every second one.
    """
    return sum(
        ((energy(one) - energy(other)).abs().mean() for one, other in zip(bands(made), bands(true), strict=True)),
        made.new_zeros(()),
    )


def bands(picture: Tensor) -> Iterator[Tensor]:
    """Yield the finest bands of a Laplacian pyramid of (N, 3, H, W)."""
    for _ in range(ENERGY_BANDS):
        smaller = functional.avg_pool2d(picture, 2)
        yield picture - enlarge(smaller)
        picture = smaller


def energy(band: Tensor) -> Tensor:
    return torch.sqrt(functional.avg_pool2d(band.square(), ENERGY_WINDOW, 2, ENERGY_WINDOW // 2) + LEAST_ENERGY**2)


def lower_precision(device: torch.device) -> torch.autocast:
    """Use bfloat16 in convolutions, but not on a CPU that only emulates it, where they take up to ten times as long."""
    knows = torch.cpu.get_capabilities()
    helps = device.type != "cpu" or knows.get("avx512_bf16", False) or knows.get("amx_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=helps)


def flow_losses(network: Lite, start: Lite, batch: Batch, options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Return image and flow loss of the stages that seek motion.

    The image is both frames warped and mixed by their mask, fine detail by a steep one: a plain mixture of frames that
    do not fit would be rewarded for being blurred. Flows that need not change stay near those of ``start``, which has
    seen more kinds of motion than the pack shows.
    """
    with lower_precision(batch.left.device):
        flow, mask, _, _ = network.flows(batch.left, batch.right, batch.prior, batch.t)
        with torch.no_grad():
            first = start.flows(batch.left, batch.right, batch.prior, batch.t)[0]
    mask = mask.float()
    choice = torch.cat([mask, STEEP * mask, torch.full_like(mask, -20)], 1)
    made = merge(batch.left, batch.right, flow, choice, batch.t)
    image = laplacian_loss(made, batch.middle) + options.energy_weight * energy_loss(made, batch.middle)
    return image, options.anchor_weight * (flow - first).abs().mean()


def choice_losses(network: Lite, batch: Batch, energy_weight: float) -> tuple[Tensor, Tensor]:
    """Return image and energy loss of the layers that choose; the others are not trained."""
    with lower_precision(batch.left.device):
        with torch.no_grad():
            flow, mask, hidden, warped = network.flows(batch.left, batch.right, batch.prior, batch.t)
        choice = network.choose(batch.left, batch.right, mask, hidden, warped, batch.t)
    made = merge(batch.left, batch.right, flow, choice, batch.t)
    return laplacian_loss(made, batch.middle), energy_weight * energy_loss(made, batch.middle)


class HoldOut:
    """Makes the middle frames of clips from their neighbours, every second of the first 21 frames."""

    def __init__(self, folder: Path) -> None:
        self._clips = {path.stem: self._pairs(decode(path, HOLD_OUT_FRAMES)) for path in sorted(folder.glob("*.mp4"))}

    @staticmethod
    def _pairs(frames: list[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        height, width = frames[0].shape[:2]
        margin = ((0, -height % 32), (0, -width % 32), (0, 0))
        ends = [np.pad(frame, margin, mode="edge") for frame in frames[::2]]
        flows = [pair_flow(to_float(left), to_float(right)) for left, right in pairwise(ends)]
        sides = [None, *(Neighbour(flow, 1.0) for flow in flows), None]
        pairs = []
        for (left, right), middle, flow, before, after in zip(
            pairwise(ends), frames[1::2], flows, sides, sides[2:], strict=False
        ):
            pairs.append((left, middle, right, intermediate_flow(flow, 0.5, before, after).astype(np.float16)))
        return pairs

    def mean(self, make: Callable[..., np.ndarray]) -> dict[str, float]:
        """Return the mean RGB PSNR in dB of each clip, and of all clips under ``mean``."""
        result = {}
        for name, pairs in self._clips.items():
            result[name] = float(
                np.mean([psnr(make(left, right, prior), middle) for left, middle, right, prior in pairs])
            )
        result["mean"] = float(np.mean(list(result.values())))
        return result


def psnr(made: np.ndarray, true: np.ndarray) -> float:
    """PSNR in dB of a made frame, rounded to 8 bits; rows and columns beyond the true frame's are padding."""
    made = np.clip(np.rint(made[: true.shape[0], : true.shape[1]]), 0, 255)
    return 10 * math.log10(255**2 / max(float(np.mean((made - true.astype(np.float32)) ** 2)), 1e-10))


def hold(left: np.ndarray, right: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return left


def blend(left: np.ndarray, right: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return (left.astype(np.float32) + right) / 2


def dis(left: np.ndarray, right: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Average both frames warped by the prior."""
    size = left.shape[1::-1]
    to_left, to_right = (cv2.resize(prior[k : k + 2].astype(np.float32).transpose(1, 2, 0), size) for k in (0, 2))
    return (backward_warp(left.astype(np.float32), to_left) + backward_warp(right.astype(np.float32), to_right)) / 2


def made_by(network: Lite, device: torch.device) -> Callable[..., np.ndarray]:
    def make(left: np.ndarray, right: np.ndarray, prior: np.ndarray) -> np.ndarray:
        images = [torch.from_numpy(frame).to(device).permute(2, 0, 1)[None].float() / 255 for frame in (left, right)]
        t = torch.full((1, 1, 1, 1), 0.5, device=device)
        with torch.no_grad():
            made = network(*images, torch.from_numpy(prior).to(device)[None].float(), t)
        return (made[0].permute(1, 2, 0) * 255).cpu().numpy()

    return make


def read_start(path: Path) -> tuple[dict[str, Tensor], int]:
    """Return the weights to start from, of a checkpoint or a file of ``export_lite.py``, and the samples seen."""
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name).float() for name in file.keys()}, int(file.metadata()["samples"])  # noqa: SIM118
    state = torch.load(path, map_location="cpu")
    return state["average"], state["samples"]


def part_of(name: str) -> str:
    """Return which part of the network a parameter belongs to: ``flow`` or ``choice``; each is trained by itself."""
    return "choice" if name.startswith("choose") else "flow"


class Training:
    """Network, its moving average and the optimizer, with checkpoints that survive interruption."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)
        torch.manual_seed(options.seed)
        self.network = Lite().to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        chosen = tuple(f"{layer}." for layer in options.layers)
        trained = [
            weight
            for name, weight in self.network.named_parameters()
            if part_of(name) == options.part and (not chosen or name.startswith(chosen))
        ]
        # Logits begin at steep slopes, which must not decay.
        decay = RECIPE.weight_decay if options.part == "flow" else 0
        self.optimizer = torch.optim.AdamW(trained, lr=options.rate, weight_decay=decay)
        self.step, self.samples, self.elapsed = 0, 0, 0.0
        self.recipe = replace(RECIPE, rate=options.rate, last_rate=options.rate * RECIPE.last_rate / RECIPE.rate)
        self.hold_out: dict[str, float] = {}
        if options.start is not None:
            weights, self.samples = read_start(options.start)
            new = self.network.load_state_dict(weights, strict=False).missing_keys
            self.average.load_state_dict(self.network.state_dict())
            print(f"layers without weights to start from: {', '.join(new) or 'none'}")
        self.start = copy.deepcopy(self.network).requires_grad_(False)
        if options.resume and options.checkpoint.exists():
            self._load(options.checkpoint)

    def _load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.samples, self.elapsed = state["step"], state["samples"], state["elapsed"]
        self.hold_out = state["hold_out"]

    def save(self, path: Path) -> None:
        """Write a checkpoint; a reader finds the old one or the new one, never half of one."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "elapsed": self.elapsed,
            "hold_out": self.hold_out,
        }
        partial_file = path.with_suffix(".partial")
        torch.save(state, partial_file)
        partial_file.replace(path)

    def check(self, hold_out: HoldOut) -> None:
        """Measure the averaged weights."""
        self.hold_out = hold_out.mean(made_by(self.average, self.device))
        print(f"hold-out lite {self.hold_out['mean']:.3f} dB at {self.samples} samples, {self.elapsed / 60:.1f} min")
        print("  " + ", ".join(f"{name} {figure:.2f}" for name, figure in self.hold_out.items()), flush=True)

    def _update(self) -> None:
        """Move the weights; the logit of what stays, whose slopes are large, moves FAST times as far."""
        out = self.network.choose_out
        before = [weight[STAY].detach().clone() for weight in (out.weight, out.bias)]
        self.optimizer.step()
        with torch.no_grad():
            for weight, old in zip((out.weight, out.bias), before, strict=True):
                weight[STAY] = old + FAST * (weight[STAY] - old)

    def one_step(self, batch: Batch) -> tuple[float, float]:
        """Make one update; return image loss and the other loss."""
        share = self.elapsed / (60 * self.options.minutes)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step, share)
        if self.options.part == "flow":
            image, other = flow_losses(self.network, self.start, batch, self.options)
        else:
            image, other = choice_losses(self.network, batch, self.options.energy_weight)
        self.optimizer.zero_grad(set_to_none=True)
        (image + other).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._update()
        decay = min(RECIPE.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)
        self.step += 1
        self.samples += self.options.batch
        return float(image.detach()), float(other.detach())


def run(options: argparse.Namespace) -> None:
    """Train until the time is over, measuring and saving on the way."""
    options.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    training = Training(options)
    pack = Pack(
        options.pack,
        training.device,
        options.synthetic_share,
        options.overlay_share,
        options.sprite_share,
        options.seed + training.step,
    )
    hold_out = HoldOut(options.hold_out)
    for name, make in (("hold", hold), ("blend", blend), ("prior", dis)):
        print(f"hold-out {name} {hold_out.mean(make)['mean']:.3f} dB", flush=True)

    training.check(hold_out)
    reported = checked = tuned = time.monotonic()
    losses: list[tuple[float, float]] = []
    while training.elapsed < 60 * options.minutes:
        begun = time.monotonic()
        if training.device.type == "cpu" and begun - tuned > TUNE_SECONDS:
            tune_threads(lambda: training.one_step(pack.batch(options.batch, options.crop)), options.threads)
            tuned = time.monotonic()
        losses.append(training.one_step(pack.batch(options.batch, options.crop)))
        now = time.monotonic()
        training.elapsed += now - begun
        if now - reported > options.report_seconds:
            image, other = np.mean(losses, axis=0)
            speed = len(losses) * options.batch / (now - reported)
            share = training.elapsed / (60 * options.minutes)
            print(
                f"{share:6.1%} step {training.step} samples {training.samples} image {image:.4f} other {other:.4f}"
                f" {speed:.1f} crops/s, {torch.get_num_threads()} threads",
                flush=True,
            )
            training.save(options.checkpoint)
            reported, losses = now, []
        if now - checked > 60 * options.check_minutes:
            training.check(hold_out)
            reported = checked = time.monotonic()
            losses = []
    training.check(hold_out)
    training.save(options.checkpoint)


def tune_threads(step: Callable[[], object], most: int) -> None:
    """Choose one thread or ``most`` by trial: if others use a core, threads that wait for each other are slower."""
    seconds = {}
    for threads in (1, most):
        torch.set_num_threads(threads)
        step()
        begun = time.monotonic()
        for _ in range(TUNE_STEPS):
            step()
        seconds[threads] = time.monotonic() - begun
    torch.set_num_threads(min(seconds, key=seconds.__getitem__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path, help="folder written by lite_data.py")
    parser.add_argument("hold_out", type=Path, help="folder of clips to measure on, never trained on")
    parser.add_argument("checkpoint", type=Path, help="file to write")
    parser.add_argument("--resume", action="store_true", help="continue the run of the checkpoint, if it exists")
    parser.add_argument("--start", type=Path, help="start a new run from these weights: a checkpoint or safetensors")
    parser.add_argument("--minutes", type=float, default=95, help="training time; the learning rate follows it")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", nargs="*", default=[], help="train only these stages or layers of the part")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=224, help="side of a crop, a multiple of 32")
    parser.add_argument("--rate", type=float, default=3e-4, help="highest learning rate")
    parser.add_argument("--energy-weight", type=float, default=1.0, help="weight of the local energy's error")
    parser.add_argument("--anchor-weight", type=float, default=0.002, help="weight of a pixel of change of the flows")
    parser.add_argument("--part", choices=("flow", "choice"), default="choice", help="the part that is trained")
    parser.add_argument("--synthetic-share", type=float, default=0.2)
    parser.add_argument(
        "--overlay-share", type=float, default=0, help="share of crops under a text or panel that stands still"
    )
    parser.add_argument(
        "--sprite-share", type=float, default=0, help="share of crops over which small things move fast"
    )
    parser.add_argument("--report-seconds", type=float, default=30)
    parser.add_argument("--check-minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run(options)


if __name__ == "__main__":
    main()
