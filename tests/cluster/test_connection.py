"""Workers of this machine come back, even those that Dask has given up."""

from __future__ import annotations

import time

import pytest
from distributed import Client, Nanny

from ifrplus_cli.cluster.connection import connected, restore
from ifrplus_cli.errors import ClusterError

CLUSTER = "local:1"


def addresses(client: Client) -> set[str]:
    return set(client.scheduler_info(n_workers=-1)["workers"])


def test_a_worker_that_is_gone_for_good_is_started_anew() -> None:
    with connected(CLUSTER) as client:
        before = addresses(client)
        client.sync(client.cluster.workers[0].close)
        while addresses(client):
            time.sleep(0.1)
        while not (addresses(client) and client.cluster.workers):  # the latter a moment later
            restore(client, CLUSTER)
            time.sleep(0.1)
        assert addresses(client) != before
        assert list(client.cluster.workers) == [0]


def test_workers_that_do_not_start_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Nanny) -> None:
        raise RuntimeError("it was killed.")

    monkeypatch.setattr(Nanny, "start_unsafe", fail)
    with pytest.raises(ClusterError, match=r"^The workers on this machine do not") as caught, connected(CLUSTER):
        pass
    assert "ask for fewer workers" in caught.value.hint
