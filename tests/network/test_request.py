"""What may be asked of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from ifrplus_cli.errors import UsageError
from ifrplus_cli.models import MODELS
from ifrplus_cli.network.choose import SMALLEST, Work, choose_network
from ifrplus_cli.network.request import ModelName, NetworkRequest
from ifrplus_cli.values import HALF

WORK = Work((64, 96), (HALF,), 10)


def test_every_network_can_be_asked_for() -> None:
    assert get_args(ModelName) == ("auto", *MODELS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "nope"}, "Invalid value for --model: nope is not one of auto, lite, ifrplus"),
        ({"flow_scale": "2"}, "Invalid value for --flow-scale: 2 is not one of auto, 1, 0.5"),
        ({"tile_overlap": -1}, "Invalid value for --tile-overlap: -1 is out of range: it must be at least 0."),
    ],
)
def test_an_impossible_value_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        NetworkRequest(**fields)
    assert refused.value.message.startswith(message)


def test_a_request_is_planned_as_it_says() -> None:
    request = NetworkRequest(engine="onnx", device="CPU", tile="off", flow_scale="0.5", precision="fp32")
    plan = choose_network(WORK, request)
    assert (plan.engine.name, str(plan.device), plan.scales.flow, plan.precision) == ("onnx", "CPU", 0.5, "fp32")
    network, engine = plan.reasons[:2]
    assert network.startswith("The network is lite: ")
    assert engine == "The engine is ONNX Runtime with CPUExecutionProvider: it was requested."


def test_weights_without_a_name_are_those_of_the_smallest_network() -> None:
    asked = NetworkRequest(weights=Path("mine.safetensors"), engine="onnx", device="CPU")
    plan = choose_network(WORK, asked)
    assert (plan.spec.name, plan.reasons[0]) == (SMALLEST, "The network is lite: it was requested.")
