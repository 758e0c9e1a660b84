"""What is known of how scores follow capability, and how it reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from calibrant._text import one_line
from calibrant.scaling.axes.result import families
from calibrant.scaling.capability.itself import theta
from calibrant.scaling.capability.plan import Plan
from calibrant.scaling.capability.verdict import Verdict
from calibrant.stats.relations.spread import Estimate

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class Follows:
    """How one score follows capability.

    Attributes:
        score: its column.
        subjects, families: that have it.
        correlation: Spearman's with the capability score, the interval for subjects of other
            families, by itself.
        itself: with capability itself: the error of the capability score taken out.
        verdict: capability-driven, independent or undetermined, all scores together erring in at
            most (1 - level) / 2 of tables.
        p: the smaller of the p-values of the two tests; adjusted: for all scores.
        least_margin: the smallest margin within which this table, had it only this score, would
            call it independent.
        least_reliability: of one that is independent: how low the capability score's reliability
            could be and this table, had it only this score, still show it. None for others.
        needs: of one that is undetermined: how many subjects, as alike as these, would decide it
            with 80 % chance, were it asked about alone and its correlation what it seems. None
            where no number would, as between the margins.
        within, within_p: correlation of ranks less family means, and of no association in
            families.
        between, between_p: correlation of family means, and of none between families.
        beyond_scale: the correlation with capability that compute leaves; None without compute.
        scale_beyond: the correlation with compute that capability leaves.
        beyond_scale_itself, scale_beyond_itself: the same for capability itself; None without
            compute. What is left beyond a noisy measure of capability is partly capability.
        note: why there is no verdict; often empty.
    """

    score: str
    subjects: int
    families: int
    correlation: Estimate
    itself: Estimate
    verdict: Verdict = "undetermined"
    p: float | None = None
    adjusted: float | None = None
    least_margin: float | None = None
    least_reliability: float | None = None
    needs: int | None = None
    within: float | None = None
    within_p: float | None = None
    between: float | None = None
    between_p: float | None = None
    beyond_scale: Estimate | None = None
    scale_beyond: Estimate | None = None
    beyond_scale_itself: Estimate | None = None
    scale_beyond_itself: Estimate | None = None
    note: str = ""

    def __repr__(self) -> str:
        name = one_line(self.score, 60)
        if self.correlation.value is None:
            return f"{name}: {self.verdict} ({self.note})"
        way = ", the other way" if self.correlation.value < 0 else ""
        if self.verdict != "capability-driven":
            way = ""
        return f"{name}: {self.verdict}{way}, correlation {self.correlation!r}"


@dataclass(frozen=True, repr=False)
class OnlyCapability:
    """Whether scores are only capability.

    Attributes:
        scores: one for each column asked about.
        capability: the columns that make up the capability score.
        share: of their rank correlations, held by the first component.
        reliability: of the capability score, theta (Armor, Sociological Methodology 5 (1974) 17):
            k / (k - 1) (1 - 1 / largest eigenvalue) of k columns; None of one column. Correlations
            with capability itself are larger than with its score, about by 1 / √reliability.
        least_reliability: taken in its place, where it was given.
        plan: how many subjects would show that a score is independent; None without intervals.
        ability: of each subject that has them all.
        subjects, families: with a capability score; effective: families of one size that would
            say as much.
        margin, driven: a score within the margin is independent, one beyond `driven` is driven.
        multiplicity: how p-values were adjusted for the number of scores.
        level: of intervals; (1 - level) / 2 is the error of verdicts.
        seed, draws: of shuffles.
        notes: what a reader must know.
    """

    scores: tuple[Follows, ...]
    capability: tuple[str, ...]
    share: float
    ability: dict[str, float]
    subjects: int
    families: int
    effective: float
    margin: float
    driven: float
    multiplicity: str
    level: float
    seed: int
    draws: int
    notes: tuple[str, ...]
    least_reliability: float | None = None
    plan: Plan | None = None

    @property
    def reliability(self) -> float | None:
        """See the attributes."""
        found = theta(self.share, len(self.capability))
        return found if found == found else None

    def count(self, verdict: Verdict) -> int:
        """How many scores have a verdict."""
        return sum(s.verdict == verdict for s in self.scores)

    def __repr__(self) -> str:
        where = f"{self.subjects} subjects in {families(self.families)}"
        if len(self.scores) == 1:
            return f"{self.scores[0]!r}; {where}"
        return (
            f"of {len(self.scores)} scores {self.count('capability-driven')} are "
            f"capability-driven, {self.count('independent')} independent, "
            f"{self.count('undetermined')} undetermined; {where}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        said = asdict(self)
        said["reliability"] = self.reliability
        said["verdicts"] = {
            v: self.count(v) for v in ("capability-driven", "independent", "undetermined")
        }
        return said

    def plot(self) -> Figure:
        """A forest of correlations, by falling size, with the margins."""
        from calibrant.scaling.capability.figures import forest_of

        return forest_of(self)

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)
