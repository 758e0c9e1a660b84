"""Do scores on a refreshed test compare with those on the old one? By the items that both share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calibrant.errors import InputError
from calibrant.records.identity import id_of

if TYPE_CHECKING:
    from calibrant.quality.linking import Link
    from calibrant.quality.scoring import Scores

SHARE, FEWEST, ENOUGH = 0.2, 10, 30
"""Anchors wanted: a fifth of the new release, at least ten; thirty are enough of any (Kolen and
Brennan, Test Equating, Scaling, and Linking, 2014, section 8.1)."""


@dataclass(frozen=True, eq=False, repr=False)
class LinkedReleases:
    """Scores on a new release, on the scale of the old one.

    Attributes:
        link: how abilities of the one read on the other, and which anchors drift.
        kept: ids said to be in both.
        offered: anchors that both sets of trials hold.
        scores: subjects of the new release on the scale of the old one, with intervals.
    """

    link: Link
    kept: int
    offered: tuple[str, ...]
    scores: Scores

    def __repr__(self) -> str:
        return f"{self.link!r}; {len(self.offered)} of {self.kept} kept items have scores in both"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kept": self.kept, "offered": list(self.offered), "link": self.link.to_dict(),
            "scores": self.scores.to_dict(),
        }  # fmt: skip


def link_releases(
    old: Any,
    new: Any,
    kept: Sequence[str],
    *,
    model: str = "rasch",
    least: int | None = None,
    **options: Any,
) -> LinkedReleases:
    """Link the scores on a refreshed test with those on the old one.

    Only items that were kept are anchors: spoilt ones are not, even if both releases hold them. An
    item that got easier, as its answers got about, is found as drifting and left out (`link`).

    Args:
        old, new: responses to each release, as `read_responses` takes them: trials, or tables.
        kept: ids of unspoilt items that are in both, as in the report of `refresh`.
        model: of both fits.
        least: anchors below which the link is refused; by default a fifth of the new release, at
            least 10, at most 30.
        options: further ones of `calibrant.quality.linking.link`.

    Raises:
        InputError: for too few anchors, or too few subjects to fit.
    """
    from calibrant.quality.linking import link
    from calibrant.quality.read import read_responses
    from calibrant.quality.responses import Responses
    from calibrant.quality.scoring import score

    both = [s if isinstance(s, Responses) else read_responses(s) for s in (old, new)]
    names = {id_of(name) for name in kept} | set(kept)
    there = set(both[1].items)
    anchors = [n for n in both[0].items if n in there and (n in names or id_of(n) in names)]
    wanted = least
    if wanted is None:
        wanted = min(ENOUGH, max(FEWEST, math.ceil(SHARE * len(both[1].items))))
    if len(anchors) < wanted:
        raise InputError(
            f"anchors: wanted at least {wanted} unspoilt items with scores in both releases, got "
            f"{len(anchors)} of {len(both[0].items)} old and {len(both[1].items)} new items"
        )
    found = link(*both, anchors=anchors, model=model, **options)
    return LinkedReleases(found, len(kept), tuple(anchors), score(found.bank, both[1]))
