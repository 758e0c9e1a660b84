"""How are shards scanned on many machines? By Ray's actors, one a core."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from calibrant._text import reason
from calibrant.contamination.corpora.pool import Tick, WorkerLost
from calibrant.contamination.corpora.shards import Shard
from calibrant.errors import InputError, RunError

Make = Callable[[], "RayWorker"]


class Scanner:
    """What runs in an actor."""

    def __init__(self, setup: tuple[Any, Any]) -> None:
        self._index, self._reading = setup

    def pid(self) -> int:
        """Its process."""
        return os.getpid()

    def scan(self, shard: Shard) -> Any:
        """What a shard holds."""
        from calibrant.contamination.corpora.scanning import scan_shard

        return scan_shard(self._index, shard, self._reading)


class RayWorker:
    """An actor that scans shards, wherever Ray puts it."""

    def __init__(self, ray: Any, setup: Any) -> None:
        self._ray = ray
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        self._actor = ray.remote(**options)(Scanner).remote(setup)
        self._pid: int = self._get(self._actor.pid.remote())

    @property
    def pid(self) -> int:
        """Its process, on its machine."""
        return self._pid

    def scan(self, shard: Shard, tick: Tick) -> Any:  # noqa: ARG002 - Ray's tasks report at the end
        """What a shard holds; see `Worker`."""
        return self._get(self._actor.scan.remote(shard))

    def close(self) -> None:
        """End the actor; what waits for it learns that it died."""
        self._ray.kill(self._actor)

    def _get(self, promise: Any) -> Any:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(promise)
        except exceptions.RayTaskError as e:
            raise RunError(f"a scan failed on a worker ({reason(e.cause or e)})") from e
        except exceptions.RayError as e:
            raise WorkerLost(f"its worker died ({type(e).__name__})") from e


@contextmanager
def ray_workers(setup: Any, address: str | None, workers: int | None) -> Iterator[tuple[Make, int]]:
    """Ray, joined or started, and left as it was found.

    Args:
        setup: the arguments of `scan_shard` but for the shard.
        address: of a cluster, such as "auto" or "ray://HOST:10001"; None starts Ray here, with
            this many workers and no dashboard.
        workers: how many; None for one a core of the cluster.

    Yields:
        what makes a worker, and how many there should be.

    Raises:
        InputError: if Ray is not installed.
        RunError: if it cannot be reached or started.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any
    try:
        ray = import_module("ray")
    except ImportError as e:
        raise InputError(
            "scanning on a cluster takes ray, which is not installed: "
            "pip install 'calibrant[cluster]'"
        ) from e
    address = address or os.environ.get("RAY_ADDRESS")
    if address:
        _check(address)
    ours = not ray.is_initialized()
    if ours:
        here: dict[str, Any] = (
            {"address": address}
            if address
            else {
                "address": "local",
                "num_cpus": workers,
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
            }
        )
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False, **here)
        except Exception as e:
            # Ray says no more than that it failed where a token is missing.
            hint = "; a cluster with tokens takes RAY_AUTH_MODE=token here, too" if address else ""
            did = "reached" if address else "started"
            raise RunError(f"Ray cannot be {did} ({reason(e)}){hint}") from e
    try:
        shared = ray.put(setup)
        cores = int(ray.cluster_resources().get("CPU", 1))
        yield (lambda: RayWorker(ray, shared)), min(workers or cores, cores)
    finally:
        if ours:
            ray.shutdown()


def _check(address: str) -> None:
    """Refuses at once what does not answer; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # such as "auto"
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as e:
        raise RunError(f"Ray cannot be reached at {address} ({reason(e)})") from e
