"""Which texts mean the same to a sentence-embedding model? The user's, if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError

Floats = NDArray[np.float64]


def open_embedder(named: str | Any) -> Any:
    """What a name "module:function" means, or an object with `encode`, as it is.

    A class, or a function that needs no argument, is called to make the embedder; a function of a
    list of texts is one.

    Raises:
        InputError: if there is no such module or function, or it is neither.
    """
    if not isinstance(named, str):
        return _checked(named, type(named).__name__)
    module, _, name = named.partition(":")
    if not module or not name:
        raise InputError(f"embedder: wanted MODULE:FUNCTION, got {one_line(named, 80)!r}")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as e:
        raise InputError(f"embedder {one_line(named, 80)}: {one_line(str(e), 200)}") from e
    if isinstance(found, type) or _makes_one(found):
        try:
            found = found()
        except Exception as e:
            # The class is the user's: whatever it raises, opening the embedder is what failed.
            raise InputError(f"embedder {named}: cannot be opened ({one_line(str(e), 200)})") from e
    return _checked(found, named)


def _makes_one(found: Any) -> bool:
    """Whether it is a function that needs no argument."""
    if hasattr(found, "encode") or not callable(found):
        return False
    try:
        wanted = signature(found).parameters.values()
    except (TypeError, ValueError):
        return False  # built in: it does not say
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
               for p in wanted)  # fmt: skip


def _checked(found: Any, name: str) -> Any:
    if not callable(getattr(found, "encode", found)):
        raise InputError(f"embedder {one_line(name, 80)}: wanted a function, or a method encode")
    return found


def embed(embedder: Any, texts: Sequence[str]) -> Floats:
    """Unit vectors of texts, shape (texts, dimensions); 0 for one that has no direction.

    Raises:
        InputError: if the embedder fails, or gives another shape or what is no number.
    """
    if not texts:
        return np.empty((0, 1))
    encode = getattr(embedder, "encode", embedder)
    try:
        found = np.asarray(encode(list(texts)), np.float64)
    except Exception as e:
        # The model is the user's: whatever it raises, embedding is what failed.
        raise InputError(f"embedder: failed on {len(texts)} texts: {one_line(str(e), 200)}") from e
    if found.ndim != 2 or len(found) != len(texts) or not np.all(np.isfinite(found)):
        raise InputError(
            f"embedder: wanted finite numbers of shape ({len(texts)}, dimensions), got shape "
            f"{found.shape}"
        )
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    unit: Floats = np.divide(found, norms, out=np.zeros_like(found), where=norms > 0)
    return unit
