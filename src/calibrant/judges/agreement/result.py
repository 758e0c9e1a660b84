"""What was found about the agreement of graders: one frozen result, in words, data and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from calibrant._text import one_line
from calibrant.judges.agreement.gold import AgainstGold
from calibrant.judges.agreement.inversion import Inversion
from calibrant.judges.agreement.pairs import Pair
from calibrant.stats.agreement.estimate import Coefficient
from calibrant.stats.agreement.ratios import Metric, Weights

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class Unread:
    """Verdicts that could not be read, and what they could change.

    Attributes:
        n: how many.
        texts: what they were, with counts, the most frequent first; "" is an empty one.
        graders: how many by each grader that has any; empty for votes.
        worst, best: percent agreement if each disagreed with, or joined, as many as it could;
            None without items that would then have two labels.
    """

    n: int
    texts: tuple[tuple[str, int], ...]
    graders: tuple[tuple[str, int], ...]
    worst: float | None
    best: float | None


@dataclass(frozen=True)
class Agreement:
    """How far graders agree, each one's errors against gold, and whose labels are turned round.

    Attributes:
        scale, weights: of the coefficients (`weights` of kappas and AC2).
        level: of all intervals, each for itself.
        labels, items: how many; `single` items have one label and say nothing of agreement.
        graders, categories: names; the graders are those in the coefficients, without gold.
        used: labels per category, in the order of `categories`.
        coefficients: percent agreement, Fleiss' kappa, Gwet's AC1 or AC2, Krippendorff's alpha.
        pairs: every pair of graders, gold among them; empty for votes and for crowds.
        gold: what is taken for truth, in words; None without.
        against: every judged grader against gold.
        gold_ties: items left out against gold as a majority is tied.
        inversions: whose labels probably are the wrong way round.
        unread: verdicts that could not be read.
        clusters: how many, if items come in clusters.
        bootstrap: draws of the bootstrap intervals.
        notes: what to keep in mind.
    """

    scale: Metric
    weights: Weights
    level: float
    labels: int
    items: int
    single: int
    graders: tuple[str, ...]
    categories: tuple[str, ...]
    used: tuple[int, ...]
    coefficients: tuple[Coefficient, ...]
    pairs: tuple[Pair, ...]
    gold: str | None
    against: tuple[AgainstGold, ...]
    gold_ties: int
    inversions: tuple[Inversion, ...]
    unread: Unread | None
    clusters: int | None
    bootstrap: int
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Coefficient:
        """A coefficient by its name, or a part of it such as "alpha".

        Raises:
            KeyError: if there is none.
        """
        for c in self.coefficients:
            if c.name == name or name in c.name:
                return c
        raise KeyError(name)

    def __repr__(self) -> str:
        text = f"{self.labels:,} labels of {self.items:,} items: "
        if self.coefficients:
            text += "; ".join(map(repr, self.coefficients[-1:]))
        elif self.pairs:
            text += "; ".join(map(repr, self.pairs[:3]))
        if self.against:
            text += f"; {self.against[0]!r}" if len(self.against) == 1 else (
                f"; {len(self.against)} graders judged against gold"
            )  # fmt: skip
        for found in self.inversions[:1]:
            text += f"; {found.text}"
        return one_line(text, 600)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        data = dict(self.__dict__)
        for name in ("coefficients", "pairs", "against", "inversions"):
            data[name] = [x.to_dict() for x in data[name]]
        data["unread"] = None if self.unread is None else dict(self.unread.__dict__)
        return data

    def _repr_html_(self) -> str:
        from calibrant.judges.agreement.shown import html

        return html(self)

    def plot(self, kind: Literal["forest", "confusion"] = "forest") -> Figure:
        """The coefficients and pairs with intervals, or the confusion with gold.

        Raises:
            InputError: if there is nothing of that kind to draw.
        """
        from calibrant.judges.agreement.figures import confusion, forest

        return forest(self) if kind == "forest" else confusion(self)
