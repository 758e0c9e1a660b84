"""A survey's server in a process of its own, and a PostgreSQL of its own, both to be ended hard."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

SCRIPT = """
import resource, sys
from calibrant.web.limits import Allowance
from calibrant.web.patience import Patient
from calibrant.web.serve import listen, run
from calibrant.web.survey.app import Site, build
from calibrant.web.survey.kept.store import open_survey
from calibrant.web.workers import run_workers

db, port, burst, patience, workers, most = sys.argv[1], *map(int, sys.argv[2:])
Patient.patience = patience
store, place = open_survey(db), listen("127.0.0.1", port)
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
def app():
    return build(Site(store, place.url), place.hosts, per_address=Allowance(50, burst),
                 per_token=Allowance(1000, 10000))
def started():
    print(place.url, flush=True)
if workers == 1:
    run(app(), place, started)
else:
    store.close()
    run_workers(app, place, workers, started)
"""


class Server:
    """The server of a survey that is there already.

    Args:
        most: bytes that a file may have: the disk is full then.
    """

    def __init__(
        self, db: str | Path, *, port: int = 0, burst: int = 100_000, patience: int = 30,
        workers: int = 1, most: int = 0,
    ) -> None:  # fmt: skip
        args = [str(db), *map(str, (port, burst, patience, workers, most))]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *args], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.communicate(timeout=60)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it with no chance to do anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)

    def stop(self) -> str:
        """Ctrl-C; what it said."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[1]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


class Postgres:
    """A PostgreSQL of its own, run by nobody, as it refuses root."""

    def __init__(self) -> None:
        missing = [n for n in ("postgres", "initdb", "setpriv") if shutil.which(n) is None]
        if missing:
            pytest.skip(f"no {missing[0]} here")
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.who: list[str] = []
        if os.getuid() == 0:
            os.chown(self.folder, 65534, 65534)
            self.who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.data = self.folder / "data"
        made = subprocess.run(
            [*self.who, "initdb", "-D", str(self.data), "-A", "trust", "-U", "me", "--no-sync",
             "-E", "SQL_ASCII", "--locale=C"],  # the hardest to read from
            capture_output=True, text=True, cwd="/", check=False,
        )  # fmt: skip
        if made.returncode:
            self.remove()
            pytest.skip(f"initdb: {made.stderr.strip().splitlines()[-1]}")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process: subprocess.Popen | None = None

    def start(self) -> str:
        """Start it; a URL."""
        options = {"fsync": "off", "unix_socket_directories": str(self.folder),
                   "listen_addresses": "127.0.0.1", "port": self.port}  # fmt: skip
        set_ = [x for k, v in options.items() for x in ("-c", f"{k}={v}")]
        self.process = subprocess.Popen(
            [*self.who, "postgres", "-D", str(self.data), *set_], cwd="/",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        import psycopg

        last = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return self.url
            except psycopg.OperationalError:
                assert time.monotonic() < last and self.process.poll() is None
                time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"postgresql://me@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
