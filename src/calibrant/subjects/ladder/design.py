"""Which subjects stand on a ladder? Sizes of networks and of what they read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from calibrant.subjects.ladder.skills import ALPHABET
from calibrant.subjects.planted.corpus import DESIGNS as _PLANTED
from calibrant.subjects.planted.corpus import Design


@dataclass(frozen=True)
class Rungs:
    """A ladder.

    Attributes:
        sizes: of each subject its width and tokens read, the smallest first.
        letters: of chains, whose items are their pairs.
        late, recall: items of these skills; see `skills`.
        layers: of each network.
    """

    sizes: tuple[tuple[int, int], ...]
    letters: int
    late: int
    recall: int
    layers: int = 2

    def design(self, rung: int) -> Design:
        """The network and the training of a subject; how much it reads is not part of them."""
        width = self.sizes[rung][0]
        return replace(
            _PLANTED["small"], width=width, layers=self.layers, heads=2, context=64, batch=8,
            vocabulary=len(ALPHABET), tokens=0, rate=1e-2, matrix_rate=0.02, warmup=20,
        )  # fmt: skip


LADDERS: dict[str, Rungs] = {
    "seven": Rungs(
        ((20, 60_000), (28, 100_000), (36, 180_000), (44, 300_000), (56, 500_000), (72, 900_000),
         (96, 1_600_000)),
        letters=24, late=40, recall=300,
    ),
    "tiny": Rungs(
        ((8, 4_000), (8, 8_000), (8, 16_000), (8, 24_000), (8, 32_000)),
        letters=6, late=12, recall=40, layers=1,
    ),
}  # fmt: skip
"""`seven` spans 2.8 orders of magnitude of compute; `tiny` learns in seconds, for tests."""
