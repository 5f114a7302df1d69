"""The functions that a Python program may call; ``ifrplus_cli`` imports them on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from fractions import Fraction
from numbers import Number
from pathlib import Path
from typing import Any, Literal, overload

from ifrplus_cli.errors import UsageError
from ifrplus_cli.network import interpolator
from ifrplus_cli.network.choose import Work, choose_network
from ifrplus_cli.network.interpolator import LoadedModel
from ifrplus_cli.network.request import NetworkRequest, option_of, tile_of
from ifrplus_cli.pipeline.films import Films, FinishedFilm, Listener, Place, Trial, said_to_be_finished
from ifrplus_cli.pipeline.preview import Preview
from ifrplus_cli.pipeline.request import MAX_RATE_DENOMINATOR, UpsampleRequest, encoder_arg_of, rate_of
from ifrplus_cli.pipeline.run import RunProgress, Summary
from ifrplus_cli.reports.upsample import write_run_report
from ifrplus_cli.stopping import StopRequest
from ifrplus_cli.values import HALF, ClipInfo
from ifrplus_cli.video.reading.probe import probe as probe_clip

RATES, MOMENTS = ("fps", "input_fps"), ("start", "end")
EXACT = ("factor", *RATES, *MOMENTS)  # options that become exact numbers
PATHS = ("weights", "cuts_in", "cuts_out", "report")


def probe(path: str | Path, input_fps: Fraction | float | None = None) -> ClipInfo:
    """Read the properties of a film from its headers and packets; nothing is decoded.

    Args:
        path: the film; a folder or a pattern for an image sequence.
        input_fps: frame rate of an image sequence.

    Raises:
        InputError: if it can't be read as a film.
        UsageError: if ``input_fps`` is not a rate.
    """
    request = UpsampleRequest(**_converted({"input_fps": input_fps}))
    return probe_clip(Path(path), request.input_fps)


def load_model(
    size: tuple[int, int],
    model: str = "auto",
    *,
    engine: str = "auto",
    device: str = "auto",
    weights: str | Path | None = None,
    frames: int = 1000,
    **options: Any,
) -> LoadedModel:
    """Load a network for frames of one size; it can be used for any number of films of that size.

    Args:
        size: (height, width) in pixels.
        model, engine, device, weights: as on the command line.
        frames: number of frames that it will make; ``auto`` chooses a network that is fast enough for them.
        options: other fields of ``NetworkRequest``, such as ``precision="fp16"`` or ``tile="off"``.

    Raises:
        IfrplusError: if there is no such network, device or file, or no such size.
        TypeError: for an unknown option.
    """
    if min(size) < 1:
        raise UsageError("size", f"{size[0]}x{size[1]} is not the height and width of a picture.")
    options |= {"model": model, "engine": engine, "device": device, "weights": weights}
    request = NetworkRequest(**_converted(options))
    plan = choose_network(Work(size, (HALF,), frames), request)
    return interpolator.load_for_run(plan, request.weights)


@overload
def upsample(
    source: str | Path,
    output: str | Path,
    *,
    model: str | LoadedModel = ...,
    progress: Callable[[RunProgress], None] = ...,
    note: Callable[[str], None] = ...,
    preview: None = None,
    dry_run: Literal[False] = False,
    **options: Any,
) -> Summary: ...
@overload
def upsample(source: str | Path, output: str | Path, *, preview: float, **options: Any) -> Preview: ...
@overload
def upsample(source: str | Path, output: str | Path, *, dry_run: Literal[True], **options: Any) -> Trial: ...
def upsample(
    source: str | Path,
    output: str | Path,
    *,
    model: str | LoadedModel = "auto",
    progress: Callable[[RunProgress], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Summary | Preview | Trial:
    """Write a film at a higher frame rate; it appears under its name only when it is finished and verified.

    Args:
        model: the name of a network, or one from ``load_model`` for frames of this size.
        progress: called after every frame that is written.
        note: receives sentences that a person should read.
        options: all options of ``ifrplus upsample``, as the fields of ``UpsampleRequest``: ``factor=2``, ``fps=60``,
            ``codec="ffv1"``, ``overwrite=True`` ... Numbers may be of any type; ``start`` and ``end`` are in seconds.

    Returns:
        A summary of the run; a ``Preview`` with ``preview=SECONDS``, and a ``Trial`` with ``dry_run=True``.

    Raises:
        IfrplusError: if anything fails, with ``message`` and ``hint``; no partial output is left.
        TypeError: for an unknown option.
    """

    @contextmanager
    def display() -> Iterator[Callable[[RunProgress], None]]:
        yield progress

    given = model if isinstance(model, LoadedModel) else None
    if given is None:
        options["model"] = model
    request = UpsampleRequest(**_converted(options))
    if given is not None:
        for each in fields(NetworkRequest):
            if getattr(request, each.name) != each.default:
                raise UsageError(option_of(each.name), "the network that was loaded before has its own.")
    films = films_for(request, Listener(note=note, progress=display), model=given)
    made = make_film(films, Path(source), Path(output))
    return made.summary if isinstance(made, FinishedFilm) else made


def films_for(
    request: UpsampleRequest,
    listener: Listener,
    stop: StopRequest | None = None,
    model: LoadedModel | None = None,
    *,
    keeps_frames: bool = True,
) -> Films:
    """Return what makes films where the request says: in this process, or on a cluster; as ``Films`` otherwise."""
    return Films(request, listener, stop, model, keeps_frames=keeps_frames, place=_cluster_of(request))


def _cluster_of(request: UpsampleRequest) -> Place | None:
    """Return the cluster that a request names; only then is what it takes to use one imported: 4 MB."""
    if not request.cluster:
        return None
    from ifrplus_cli.cluster.run import ClusterRun

    return ClusterRun(request.cluster, request.ship)


def make_film(films: Films, source: Path, output: Path) -> FinishedFilm | Preview | Trial:
    """Make one of the films, and the report that the request asks for.

    Raises:
        IfrplusError: if anything fails; no partial film is left.
    """
    made = films.make(source, output)
    if isinstance(made, FinishedFilm) and films.request.report is not None:
        with said_to_be_finished(output):
            write_run_report(films.request.report, made)
    return made


def _converted(options: Mapping[str, Any]) -> dict[str, Any]:
    """Convert options to exact numbers, paths and names of choices, whatever type they were given as."""
    converted = dict(options)
    for name, value in options.items():
        if name in EXACT and isinstance(value, str | Number) and not isinstance(value, Fraction):
            converted[name] = _exact(name, value)
        elif name == "tile" and isinstance(value, str):
            converted[name] = _said(name, tile_of, value)
        elif name in PATHS and isinstance(value, str):
            converted[name] = Path(value)
        elif name == "flow_scale" and isinstance(value, int | float):
            converted[name] = f"{value:g}"
        elif name == "encoder_args":
            converted[name] = _pairs(name, value)
    return converted


def _pairs(name: str, value: Any) -> tuple[tuple[str, str], ...]:
    """Return options of an encoder, whether given as a mapping, as pairs, or as texts such as ``tune=film``."""
    each = value.items() if isinstance(value, Mapping) else [value] if isinstance(value, str) else value
    try:
        pairs = [_said(name, encoder_arg_of, item) if isinstance(item, str) else item for item in each]
        return tuple((str(key), str(setting)) for key, setting in pairs)
    except (TypeError, ValueError) as error:
        raise UsageError(option_of(name), f"{value!r} are not names and values.") from error


def _exact(name: str, value: object) -> Any:
    """Return a factor, a rate or a moment, as it is understood on the command line."""
    text = str(value)
    if name in RATES:
        number = None if isinstance(value, str) else _said(name, _number, text)
        long = number is not None and number.denominator > MAX_RATE_DENOMINATOR  # such as the float 24000 / 1001
        return number.limit_denominator(MAX_RATE_DENOMINATOR) if number and long else _said(name, rate_of, text)
    if name in MOMENTS and isinstance(value, str):
        from ifrplus_cli.video.reading.trim import moment_of

        return _said(name, moment_of, text)
    return _said(name, _number, text)


def _number(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text} is not a number.") from None


def _said(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(option_of(name), str(error)) from error
