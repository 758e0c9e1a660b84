"""The verb `link`: two releases on one scale, from banks or from responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, read_bank
from calibrant.quality.linking.link import ALPHA, Link, link_banks
from calibrant.quality.linking.scale import Method

_FIT = "calibrant.quality.models.fit"


def link(
    old: Any,
    new: Any,
    *,
    method: Method = "stocking-lord",
    anchors: Sequence[str] | None = None,
    purify: bool = True,
    alpha: float = ALPHA,
    level: float = 0.95,
    model: str = "auto",
    **reading: Any,
) -> Link:
    """Put the new release of a benchmark on the scale of the old by the items they share.

    Args:
        old, new: banks, paths of banks (.json), or responses as `read_responses` takes them, which
            are first fitted, each alone.
        model: of those fits.
        method, anchors, purify, alpha, level: see `link_banks`.
        reading: further arguments of `read_responses`.

    Raises:
        InputError: as `link_banks`, and as reading and fitting do.
    """
    (one, why), (other, more) = (_bank(source, model, reading) for source in (old, new))
    found = link_banks(one, other, method, anchors=anchors, purify=purify, alpha=alpha, level=level)
    said = (*(f"old: {n}" for n in why), *(f"new: {n}" for n in more))
    return replace(found, notes=(*found.notes, *said))


def _bank(source: Any, model: str, reading: dict[str, Any]) -> tuple[Bank, tuple[str, ...]]:
    """The items of a source, and what its fit says of them."""
    if isinstance(source, Bank):
        return source, ()
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".json":
        return read_bank(Path(source)), ()
    if find_spec(_FIT) is None:
        raise InputError("link: wanted banks of items (.json)")
    fitted = import_module(_FIT).fit(source, model=model, check=False, **reading)
    bank = getattr(fitted, "bank", None)
    if not isinstance(bank, Bank):
        raise InputError(
            "link: these scores are fitted as continuous, which has no curves to link; name a model"
        )
    return bank, tuple(fitted.notes)
