"""Where are the reference subjects, and are they what their manifest says?

A pair has a folder under the cache folder: `manifest.json`, the arms, the tokenizer, and the
weights of each variant. What is loaded is hashed first; a file that is not the declared one is
refused. A pair is trained variant by variant: what is finished stays, and a variant that was
interrupted goes on from its last checkpoint. Two processes may train two variants of a pair.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import SubjectError, WeightsError
from calibrant.subjects import weights as _weights
from calibrant.subjects.planted import network
from calibrant.subjects.planted.bpe import Tokenizer
from calibrant.subjects.planted.corpus import DESIGNS, Arms, Corpora, Design, build
from calibrant.subjects.planted.subject import PlantedSubject

VARIANTS = ("clean", "planted", "tuned")
_NAME = re.compile(r"(?:planted/)?([a-z]+)-(\d{1,9})")
_SOURCES = ("world", "corpus", "bpe", "network", "training", "store")

Say = Callable[[str, int, int, float], None]
"""Told a variant, its steps done, its steps in all, and the loss of late."""


@dataclass(frozen=True)
class Kept:
    """A pair as it lies in the cache.

    Attributes:
        name: such as "planted/pair-0".
        folder: where.
        variants: those that are trained.
        parameters: weights of each network.
        cpu_seconds: of training all of them.
        loss: of each variant, nats a token at the end of training.
        state: "complete", "unfinished", or what is wrong with it.
    """

    name: str
    folder: str
    variants: tuple[str, ...]
    parameters: int
    cpu_seconds: float
    loss: dict[str, float]
    state: str

    def __repr__(self) -> str:
        return f"{self.name}: {', '.join(self.variants) or 'no variant'}, {self.state}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def parsed(name: str) -> tuple[str, int]:
    """The design and the seed of a name such as "planted/pair-0".

    Raises:
        SubjectError: if there is no such design.
    """
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in DESIGNS:
        raise SubjectError(
            f"no planted subjects {one_line(name, 80)!r}: wanted DESIGN-SEED with a design of "
            f"{', '.join(DESIGNS)}, such as planted/pair-0"
        )
    return match[1], int(match[2])


def folder_of(name: str) -> Path:
    """Where a pair is kept."""
    design, seed = parsed(name)
    return _weights.cache_dir() / "planted" / f"{design}-{seed}"


def train(
    name: str = "planted/pair-0", *, variants: tuple[str, ...] = VARIANTS, say: Say | None = None
) -> Kept:
    """Train what is not trained yet of a pair; a pair that is complete is left as it is.

    Args:
        name: design and seed.
        variants: which; "tuned" brings "clean", of which it is made.
        say: told how far it is, every `training.EVERY` steps.

    Raises:
        SubjectError: for an unknown name, without JAX, or if the cache cannot be written.
        WeightsError: if what is there is spoilt.
    """
    design_name, seed = parsed(name)
    design, folder = DESIGNS[design_name], folder_of(name)
    if unknown := set(variants) - set(VARIANTS):
        raise SubjectError(f"no variant {min(unknown)!r}: there are {', '.join(VARIANTS)}")
    wanted = [v for v in VARIANTS if v in variants or (v == "clean" and "tuned" in variants)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = read_manifest(folder) if (folder / "manifest.json").exists() else None
        if there is None or any(v not in there["variants"] for v in wanted):
            corpora = build(design, seed)
            with _weights._lock(folder / "lock"):
                _declare(folder, f"planted/{design_name}-{seed}", design, seed, corpora)
            for variant in wanted:
                # Each variant has a lock, so that two processes can train two of them.
                with _weights._lock(folder / f"{variant}.lock"):
                    if variant not in read_manifest(folder)["variants"]:
                        _learn(variant, design, seed, corpora, folder, say)
    except OSError as e:
        if isinstance(e, SubjectError):
            raise
        raise SubjectError(f"{folder}: cannot be written: {e.strerror or e}") from e
    return verify(name)


def load(
    variant: str = "planted", *, seed: int = 0, design: str = "pair", prefix: str | None = None
) -> PlantedSubject:
    """A subject that was trained, its files checked against the manifest.

    Args:
        variant: "clean", "planted" or "tuned".
        seed, design: of the pair; see `DESIGNS`.
        prefix: what stands before a text that is scored; by default the end of a document.

    Raises:
        SubjectError: if it is not trained.
        WeightsError: if a file is not the one that the manifest declares.
    """
    name = f"planted/{design}-{seed}"
    folder = folder_of(name)
    if variant not in VARIANTS:
        raise SubjectError(
            f"{name}: no variant {one_line(variant, 80)!r}: there are {', '.join(VARIANTS)}"
        )
    manifest = read_manifest(folder) if (folder / "manifest.json").exists() else {"variants": {}}
    if variant not in manifest["variants"]:
        raise SubjectError(
            f"{name}: {variant} is not trained: calibrant contamination subjects train {name}"
        )
    arms = Arms.of(json.loads(_checked(folder, "arms.json", manifest)))
    tokenizer = Tokenizer(json.loads(_checked(folder, "tokenizer.json", manifest)))
    _checked(folder, f"{variant}.npz", manifest)
    try:
        path = folder / f"{variant}.npz"
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            weights = {key: found[key] for key in found.files}
    except (OSError, ValueError, zipfile.BadZipFile) as e:
        raise WeightsError(f"{folder / variant}.npz: no weights: {e}") from e
    more = {} if prefix is None else {"prefix": prefix}
    return PlantedSubject(
        f"{name}/{variant}", variant, Design(**_design(manifest["design"])), arms, tokenizer,
        weights, manifest, **more,
    )  # fmt: skip


def verify(name: str = "planted/pair-0", *, corpora: bool = False) -> Kept:
    """Hash every file of a pair, and with `corpora` draw its corpora again and hash them, too.

    Raises:
        SubjectError: if there is no such pair.
        WeightsError: if a file is missing or is not the declared one.
    """
    folder = folder_of(name)
    if not (folder / "manifest.json").exists():
        raise SubjectError(f"{name}: not trained: calibrant contamination subjects train {name}")
    manifest = read_manifest(folder)
    for file in manifest["files"]:
        _checked(folder, file, manifest)
    if corpora:
        made = build(Design(**_design(manifest["design"])), int(manifest["seed"])).hashes()
        if wrong := [k for k, h in made.items() if h != manifest["corpus"][k]]:
            raise WeightsError(
                f"{name}: this version of calibrant draws another corpus ({wrong[0]}) than the "
                "one it was trained on"
            )
    return _kept(folder, manifest)


def listed() -> tuple[Kept, ...]:
    """What lies in the cache; a pair whose manifest cannot be read is listed with the reason."""
    found = []
    for folder in sorted((_weights.cache_dir() / "planted").glob("*-*")):
        name = f"planted/{folder.name}"
        try:
            parsed(name)
            found.append(_kept(folder, read_manifest(folder)))
        except SubjectError as e:
            found.append(Kept(name, str(folder), (), 0, 0.0, {}, one_line(str(e))))
    return tuple(found)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a pair.

    Raises:
        WeightsError: if it is none.
    """
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        keys = {"name", "seed", "design", "corpus", "files", "variants"}
        if not isinstance(found, dict) or not keys <= set(found):
            raise ValueError("keys are missing")
    except (OSError, ValueError) as e:
        raise WeightsError(f"{path}: no manifest of planted subjects: {one_line(str(e))}") from e
    return found


def _declare(folder: Path, name: str, design: Design, seed: int, corpora: Corpora) -> None:
    """Write the manifest of a new pair, its arms and tokenizer; check that of one begun."""
    hashes: dict[str, Any] = corpora.hashes()
    if (folder / "manifest.json").exists():
        begun = read_manifest(folder)["corpus"]
        if any(begun[k] != h for k, h in hashes.items()):
            raise WeightsError(
                f"{folder}: begun with another version of the generator; delete the folder"
            )
        return
    from calibrant._version import __version__

    code = b"".join((Path(__file__).parent / f"{s}.py").read_bytes() for s in _SOURCES)
    made = {
        "name": name, "seed": seed, "design": asdict(design),
        "generator": {"calibrant": __version__, "sha256": hashlib.sha256(code).hexdigest()},
        "corpus": hashes | {"tokens": len(corpora.planted), "tuning_tokens": len(corpora.tuning)},
        "files": {}, "variants": {},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }  # fmt: skip
    _write(folder, "arms.json", _json(corpora.arms.to_dict()), made)
    _write(folder, "tokenizer.json", _json(corpora.tokenizer.merges), made)
    _write_manifest(folder, made)


def _learn(
    variant: str, design: Design, seed: int, corpora: Corpora, folder: Path, say: Say | None
) -> None:
    from importlib.metadata import version

    from calibrant.subjects.planted.training import train as learn

    if variant == "tuned":
        _checked(folder, "clean.npz", read_manifest(folder))
        with np.load(folder / "clean.npz", allow_pickle=False) as found:
            begin = {key: found[key] for key in found.files}
        tokens, share = corpora.tuning, design.tune
    else:
        begin = network.start(design, seed, len(corpora.tokenizer))
        tokens, share = getattr(corpora, variant), 1.0

    def tick(done: int, steps: int, loss: float) -> None:
        if say is not None:
            say(variant, done, steps, loss)

    point = folder / f"{variant}.checkpoint.npz"
    learnt = learn(design, tokens, begin, share=share, keep=point, tick=tick)
    new = folder / f"{variant}.npz.new"
    with new.open("wb") as file:
        np.savez(file, allow_pickle=False, **learnt.weights)
    digest = _weights.sha256_of(new)
    new.replace(folder / f"{variant}.npz")
    with _weights._lock(folder / "lock"):
        manifest = read_manifest(folder)
        manifest["files"][f"{variant}.npz"] = digest
        manifest["variants"][variant] = {
            "steps": learnt.steps, "loss": learnt.loss,
            "cpu_seconds": round(learnt.cpu_seconds, 1),
            "parameters": sum(w.size for w in learnt.weights.values()),
        }  # fmt: skip
        manifest["versions"]["jax"] = version("jax")
        _write_manifest(folder, manifest)
    point.unlink(missing_ok=True)


def _checked(folder: Path, file: str, manifest: dict[str, Any]) -> bytes:
    path = folder / file
    try:
        data = path.read_bytes()
    except OSError as e:
        raise WeightsError(f"{path}: cannot be read: {e.strerror or e}") from e
    found, wanted = hashlib.sha256(data).hexdigest(), str(manifest["files"].get(file))
    if found != wanted:
        raise WeightsError(
            f"{path}: spoilt: SHA-256 {found[:12]}…, the manifest says {wanted[:12]}…; delete the "
            "folder and train again"
        )
    return data


def _kept(folder: Path, manifest: dict[str, Any]) -> Kept:
    variants = manifest["variants"]
    whole = all(v in variants for v in VARIANTS)
    return Kept(
        manifest["name"], str(folder), tuple(v for v in VARIANTS if v in variants),
        max((v["parameters"] for v in variants.values()), default=0),
        sum(v["cpu_seconds"] for v in variants.values()),
        {name: v["loss"] for name, v in variants.items()},
        "complete" if whole else "unfinished",
    )  # fmt: skip


def _write(folder: Path, file: str, data: bytes, manifest: dict[str, Any]) -> None:
    (folder / file).write_bytes(data)
    manifest["files"][file] = hashlib.sha256(data).hexdigest()


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    new = folder / "manifest.json.new"
    new.write_bytes(_json(manifest))
    new.replace(folder / "manifest.json")


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode()


def _design(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "copies": tuple(data["copies"])}
