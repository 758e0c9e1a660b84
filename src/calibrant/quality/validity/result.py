"""What was found about the meaning of scores: one frozen result, in words, data and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from calibrant.quality.validity.agreement import BenchmarkAgreement
from calibrant.quality.validity.factors import Factors
from calibrant.quality.validity.overlap import Capability, Pair
from calibrant.quality.validity.prediction import Prediction
from calibrant.quality.validity.redundancy import Redundancy
from calibrant.quality.validity.traits import Discriminant, Mtmm

if TYPE_CHECKING:
    from calibrant._figure import Figure

Figures = Literal["correlations", "scree", "capability", "agreement"]


@dataclass(frozen=True)
class About:
    """A measure that was compared.

    Attributes:
        name: of the measure.
        items: how many it is the mean of; None in a plain table.
        mean, sd: of subjects' scores.
        reliability: Hoyt's α; None where it is not known.
    """

    name: str
    items: int | None
    mean: float
    sd: float
    reliability: float | None


@dataclass(frozen=True, eq=False)
class Validity:
    """What the scores on some measures mean. Parts that were not asked for are None or empty.

    Attributes:
        subjects, families: how many; `effective_families` of equal size would say as much, and
            give the degrees of freedom of all intervals.
        level: of all intervals, each by itself.
        measures: what was compared.
        pairs: what every two of them share.
        discriminant: whether traits are told apart.
        mtmm: the blocks of a matrix of traits and methods.
        factors: how many things are measured.
        capability: how much of each measure is general ability.
        redundancy: what each adds, and what can go.
        agreement: how far each orders models as a reference does.
        predictions: of a criterion on unseen families.
        notes: what to keep in mind, and why a part is missing.
    """

    subjects: int
    families: int
    effective_families: float
    level: float
    measures: tuple[About, ...]
    pairs: tuple[Pair, ...]
    discriminant: tuple[Discriminant, ...]
    mtmm: Mtmm | None
    factors: Factors | None
    capability: tuple[Capability, ...]
    redundancy: Redundancy | None
    agreement: tuple[BenchmarkAgreement, ...]
    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        text = (
            f"{len(self.measures)} measures of {self.subjects} subjects in {self.families} families"
        )
        if self.factors is not None:
            f = self.factors
            text += f"; {f.factors} factor{'' if f.factors == 1 else 's'}, the first component "
            text += f"holds {f.share:.0%}"
        if self.discriminant:
            same = sum(d.told_apart is False for d in self.discriminant)
            text += f"; {same} of {len(self.discriminant)} pairs of traits are not told apart"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        data: dict[str, Any] = dict(self.__dict__)
        data["measures"] = [dict(m.__dict__) for m in self.measures]
        for name in ("pairs", "discriminant", "capability", "agreement", "predictions"):
            data[name] = [x.to_dict() for x in data[name]]
        for name in ("mtmm", "factors", "redundancy"):
            data[name] = None if data[name] is None else data[name].to_dict()
        return data

    def _repr_html_(self) -> str:
        from calibrant.quality.validity.shown import html

        return html(self)

    def plot(self, kind: Figures = "correlations") -> Figure:
        """A map of correlations, the scree, or measures beside ability or the reference.

        Raises:
            InputError: if that part was not computed.
        """
        from calibrant.quality.validity import figures

        return figures.draw(self, kind)
