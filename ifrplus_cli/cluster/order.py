"""What is sent to a worker: a film's section, or the question what it is, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ifrplus_cli.cluster.sections import Reading, Section
from ifrplus_cli.frames.cut_list import Cut
from ifrplus_cli.models import MODELS, Scales
from ifrplus_cli.network.device import Device
from ifrplus_cli.network.engine import Engine
from ifrplus_cli.network.plan import NetworkPlan
from ifrplus_cli.network.tiling import TilePlan
from ifrplus_cli.pipeline.fingerprint import Fingerprint
from ifrplus_cli.pipeline.run_record import RunRecord
from ifrplus_cli.pipeline.sharpness import Sharpness
from ifrplus_cli.video.writing.encode_plan import EncodePlan


@dataclass(frozen=True)
class NetworkOrder:
    """How the network is run: a ``NetworkPlan`` without functions, which can't be sent.

    Attributes:
        device: kind of the device; which one of this kind it is, each worker decides by itself.
    """

    model: str
    engine: Engine
    device: str
    scales: Scales
    precision: str
    tiles: TilePlan
    batch: int
    weights: Path | None

    @classmethod
    def of(cls, plan: NetworkPlan, weights: Path | None) -> NetworkOrder:
        """Return the order for a plan, with the file of weights that was asked for."""
        name, kind = plan.spec.name, plan.device.kind
        return cls(name, plan.engine, kind, plan.scales, plan.precision, plan.tiles, plan.batch, weights)


@dataclass(frozen=True)
class Exam:
    """The question what a worker is.

    Attributes:
        source: fingerprint that the source must have there; None if it is sent.
        encode: how the picture is encoded, with the number of threads.
    """

    network: NetworkOrder
    source: Fingerprint | None
    encode: EncodePlan


@dataclass(frozen=True)
class Order:
    """A section to make.

    Attributes:
        segment_frames: number of frames in a segment.
        start: time of the film's first source frame that is used, in seconds.
        zero: time of the film's first output frame in seconds; None if it is in this section.
        source: fingerprint of the source, which must not change; None if it is sent.
        piece: the piece of the source that is needed, if it is sent.
        records: whether data for a report are collected.
    """

    section: Section
    reading: Reading
    network: NetworkOrder
    segment_frames: int
    start: Fraction
    zero: Fraction | None
    source: Fingerprint | None
    piece: bytes | None = field(default=None, repr=False)
    records: bool = False


@dataclass(frozen=True)
class MadeSegment:
    """An encoded segment.

    Attributes:
        times: time of each frame in seconds.
        content: the bytes of its file.
        sha256: their checksum.
    """

    times: tuple[Fraction, ...]
    content: bytes = field(repr=False)
    sha256: str


@dataclass(frozen=True)
class Read:
    """What a reader has noticed in a source, as ``Readings`` has it."""

    frames: int
    complaints: int = 0
    repaired_times: int = 0
    size_changes: tuple[tuple[Fraction, tuple[int, int]], ...] = ()


@dataclass(frozen=True)
class Counts:
    """What was counted in a section.

    Attributes:
        pairs: number of pairs of each kind that begin in it.
        made: number of frames that the network made, or has made in an earlier run.
        smoothed: number of source frames that were replaced.
        covered: number of output frames that were laid over white.
        seam: relation of the last frame and the first one, in a loop.
        read: of a source whose frames are not those of its packets, decoded from its start.
    """

    pairs: Mapping[str, int]
    made: int
    smoothed: int
    covered: int
    cuts: tuple[Cut, ...]
    seam: str | None
    read: Read | None


@dataclass(frozen=True)
class MadeSection:
    """A section that was made, or why it can't be made by the times of its packets.

    Attributes:
        number: of the section.
        counts: None if the source strays from its packets.
        astray: how it does; empty if it does not.
        sharpness: how sharp a sample of its made frames is.
        record: data for a report, if they are wanted.
        worker: address of the worker.
    """

    number: int
    segments: tuple[MadeSegment, ...] = ()
    counts: Counts | None = None
    astray: str = ""
    sharpness: Sharpness = field(default_factory=Sharpness, repr=False)
    record: RunRecord | None = field(default=None, repr=False)
    worker: str = ""


def network_plan(order: NetworkOrder, number: int) -> NetworkPlan:
    """Return the plan of an order on the device of its kind with a number."""
    spec, device = MODELS[order.model], Device(order.device, number)
    how = order.scales, order.precision, order.tiles, order.batch
    return NetworkPlan(spec, order.engine, device, *how, reasons=(), notes=())
