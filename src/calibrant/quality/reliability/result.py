"""What was found about the reliability of a benchmark: one frozen result, in words and data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.reliability.conditional import Conditional
from calibrant.quality.reliability.generalizability import Generalizability
from calibrant.quality.reliability.halves import Halves
from calibrant.quality.reliability.intervals import Estimate
from calibrant.quality.reliability.ranks import Ranks
from calibrant.quality.reliability.variants import Variants

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class BankErrors:
    """Errors by a bank, these very items being asked.

    Attributes:
        abilities: where; in the bank's units.
        of_ability: standard error of ability; None where the items say nothing.
        scores: the true mean score there.
        of_score: standard error of the mean score.
        marginal: share of the variance of estimated abilities that is no error, for abilities
            normal with the bank's mean and standard deviation.
    """

    abilities: tuple[float, ...]
    of_ability: tuple[float | None, ...]
    scores: tuple[float, ...]
    of_score: tuple[float, ...]
    marginal: float


@dataclass(frozen=True)
class Reliability:
    """How far the scores of a benchmark would repeat.

    Attributes:
        subjects, items: how many.
        scores, missing: cells with and without a score.
        clusters, groups: of items, None where none are known; `families` of subjects.
        level: of all intervals, each for itself.
        coefficients: of the total score; those that cannot be had say why.
        halves: split halves; None with holes.
        study: components, Eρ², Φ and how many items are enough; None if it cannot be made.
        conditional: the error at each score; None likewise.
        bank: errors by calibrated items; None if none were given.
        ranks: how far the order of subjects can be trusted; None likewise.
        variants: scores over prompt variants; None without them.
        cannot: what could not be computed, and why.
        notes: what to keep in mind.
    """

    subjects: int
    items: int
    scores: int
    missing: int
    clusters: int | None
    groups: int | None
    families: int
    level: float
    coefficients: tuple[Estimate, ...]
    halves: Halves | None
    study: Generalizability | None
    conditional: Conditional | None
    bank: BankErrors | None
    ranks: Ranks | None
    variants: Variants | None
    cannot: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def __getitem__(self, symbol: str) -> Estimate:
        """A coefficient by its symbol, such as "α".

        Raises:
            KeyError: if there is none.
        """
        for c in self.coefficients:
            if c.symbol == symbol:
                return c
        raise KeyError(symbol)

    def __repr__(self) -> str:
        text = f"{self.subjects:,} subjects on {self.items:,} items"
        first = self.coefficients[0]
        if first.value is not None:
            text += f": {first!r}"
        if self.study is not None:
            text += f"; {self.study!r}"
        if self.ranks is not None:
            text += f"; {self.ranks!r}"
        return one_line(text, 600)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        data = dict(self.__dict__)
        data["coefficients"] = [c.to_dict() for c in self.coefficients]
        for name in ("halves", "study", "conditional", "ranks", "variants"):
            part = data[name]
            data[name] = None if part is None else part.to_dict()
        data["bank"] = None if self.bank is None else dict(self.bank.__dict__)
        data["cannot"] = [{"what": what, "why": why} for what, why in self.cannot]
        return data

    def plot(self, kind: Literal["items", "error", "variants"] = "items") -> Figure:
        """Reliability by number of items, the error at each score, or scores over variants.

        Raises:
            InputError: if there is nothing of that kind to draw.
        """
        from calibrant.quality.reliability import figures

        if kind == "items":
            return figures.by_items(self)
        if kind == "error":
            return figures.by_score(self)
        if kind == "variants":
            return figures.over_variants(self)
        raise InputError(f"figure: wanted items, error or variants, got {kind!r}")
