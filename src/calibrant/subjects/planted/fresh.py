"""Are the wordings of an item alike to a subject that has read none of them?

Arms that no corpus knows: items drawn anew from the subject's world, each published in a wording
drawn anew. A test of exposure must be uniform on them; then what it says of an arm of the clean
twin is that arm's luck, and not a preference for published wordings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.signals import SIGNALS
from calibrant.errors import InputError
from calibrant.subjects.planted.subject import PlantedSubject
from calibrant.subjects.planted.world import World


def fresh_gaps(
    subject: PlantedSubject, items: int, *, form: str = "paraphrase", signal: str = "min-k++",
    seed: int = 0,
) -> NDArray[np.float64]:  # fmt: skip
    """Shape (items,): a signal of new items as published less that in other words, or of a twin.

    Args:
        form: "paraphrase" or "twin".
        signal: one that needs no reference subject.
        seed: of items and wordings.

    Raises:
        InputError: for another form or signal, or no items.
    """
    if form not in ("paraphrase", "twin") or signal not in SIGNALS or items < 1:
        raise InputError(
            "fresh items: wanted at least 1, form paraphrase or twin, a signal of the subject "
            f"alone; got {items}, {form!r}, {signal!r}"
        )
    world = World(
        int(subject.manifest["seed"]), towns=subject.design.towns, names=subject.design.names
    )
    rng = np.random.default_rng([seed, 3])
    told = [world.item(rng) for _ in range(items)]
    others = [t.text(2) if form == "paraphrase" else world.item(rng, like=t).text() for t in told]
    own, other = (SIGNALS[signal](subject.score(x)) for x in ([t.text() for t in told], others))
    return np.asarray(own - other)
