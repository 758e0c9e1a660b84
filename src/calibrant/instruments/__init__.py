"""What does calibrant ship to administer? Five instruments whose items are made, not stored.

An item is a pure function of (instrument, seed, index): it cannot have been in a training set, and
there are as many as a test needs.
"""

from __future__ import annotations

import difflib

from calibrant.errors import InputError
from calibrant.instruments import (
    arithmetic,
    false_premise,
    order_bias,
    secret_keeping,
    sycophancy,
)
from calibrant.instruments.core import Grade, Instrument, Item, Message

_ALL: dict[str, Instrument] = {
    instrument.name: instrument
    for instrument in (
        arithmetic.INSTRUMENT,
        secret_keeping.INSTRUMENT,
        sycophancy.INSTRUMENT,
        order_bias.INSTRUMENT,
        false_premise.INSTRUMENT,
    )
}

NAMES: tuple[str, ...] = tuple(_ALL)


def load(name: str) -> Instrument:
    """Return the instrument called `name`; raises InputError naming the nearest one otherwise."""
    instrument = _ALL.get(name) if isinstance(name, str) else None
    if instrument is None:
        near = difflib.get_close_matches(str(name).lower(), NAMES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise InputError(f"no instrument {str(name)[:60]!r}: {hint}")
    return instrument


__all__ = ["NAMES", "Grade", "Instrument", "Item", "Message", "load"]
