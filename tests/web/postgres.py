"""A PostgreSQL server of one test's own, where Debian's is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def server() -> Iterator[str]:
    """The URL of a fresh database, reached through a socket in a folder of its own."""
    found = shutil.which("postgres")
    if found is None:
        pytest.skip("needs a PostgreSQL server")
    tools = Path(found).resolve().parent
    # The server refuses to run as root.
    as_root = os.geteuid() == 0
    who = ["runuser", "-u", "postgres", "--"] if as_root else []
    place = Path(tempfile.mkdtemp(prefix="cpg-"))
    if as_root:
        shutil.chown(place, "postgres")

    def run(tool: str, *args: str) -> None:
        command = [*who, str(tools / tool), "-D", str(place / "data"), *args]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=place)

    try:
        run("initdb", "-A", "trust", "-U", "me", "-N", "-E", "UTF8", "--locale=C")
        said = f"-k {place} -c listen_addresses= -c fsync=off -c max_connections=120"
        run("pg_ctl", "-w", "-l", str(place / "log"), "-o", said, "start")
        try:
            yield f"postgresql://me@/postgres?host={place}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)
