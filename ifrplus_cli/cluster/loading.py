"""On a worker: the network, which stays loaded for all sections of a film."""

from __future__ import annotations

from functools import lru_cache

from ifrplus_cli.cluster.order import NetworkOrder, network_plan
from ifrplus_cli.errors import ClusterError
from ifrplus_cli.network.engine import choose_engine
from ifrplus_cli.network.interpolator import LoadedModel, load_for_run


@lru_cache(maxsize=1)
def load_network(order: NetworkOrder) -> LoadedModel:
    """Load the network that was ordered, on this worker's device.

    Raises:
        ClusterError: if it would be run by another engine here.
        IfrplusError: if device or weights are missing.
    """
    engine, device, _ = choose_engine(order.engine.name, order.device, order.model)
    if engine != order.engine:
        raise ClusterError(f"The engine is {engine} instead of {order.engine}.")
    return load_for_run(network_plan(order, device.number), order.weights)
