"""List what this machine can run: devices, engines, weights."""

from __future__ import annotations

from ifrplus_cli.network.device import device_states
from ifrplus_cli.network.engine import engine_states
from ifrplus_cli.weights.manifest import MANIFEST, find_weights


def inventory() -> dict[str, dict[str, str]]:
    """Return devices, engines and weights by name, each with its state."""
    return {
        "devices": device_states(),
        "programs": engine_states(),
        "weights": {name: str(find_weights(name) or "not found") for name in MANIFEST},
    }
