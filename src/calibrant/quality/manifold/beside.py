"""What is asked of every model beside its own numbers? Item-rest correlations, flags, banks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calibrant.errors import InputError
from calibrant.quality.responses import Responses


@dataclass(frozen=True)
class Beside:
    """Of a 2pl of the same responses, scores between right and wrong as shares of a success.

    Attributes:
        item_rest: correlation of each item's scores with the mean of the others, by name.
        flags: what is odd about an item, by name; see `calibrant.quality.models.result.ItemFit`.
        bank_check: whether tests may adapt on the items; None if it was not asked.
    """

    item_rest: Mapping[str, float | None] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bank_check: Mapping[str, Any] | None = None

    def of_item(self, name: str) -> dict[str, Any]:
        """What is said of an item."""
        return {"item_rest": self.item_rest.get(name), "flags": list(self.flags.get(name, ()))}


NOTHING = Beside()


def beside(responses: Responses, *, check: bool = True, seed: int = 0) -> Beside:
    """Fit a 2pl to the responses, and keep what does not depend on it being the right model.

    Args:
        check: whether the bank check is wanted.
        seed: of the bank check.
    """
    from calibrant.quality.models.fit import fit

    try:
        found = fit(responses, model="2pl", fractional=not responses.binary, check=check, seed=seed)
    except InputError as e:
        reason = {"verdict": "unusable", "fine": False, "reasons": [str(e)]}
        return Beside(bank_check=reason if check else None)
    return Beside(
        {i.item: i.item_rest for i in found.items}, {i.item: i.flags for i in found.items},
        found.bank_check,
    )  # fmt: skip
