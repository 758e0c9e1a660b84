"""What optimisation against a judge does to gold: the result of `pressure`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.pressure.bands import Curve
from calibrant.judges.pressure.forms import Fit
from calibrant.judges.pressure.kl import n_at

if TYPE_CHECKING:
    from calibrant._figure import Figure
    from calibrant.judges.pressure.nulls import Null

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Turn:
    """Where gold turns, and how far pressure is known to help.

    Attributes:
        best: the n with the highest gold estimate.
        among: every n that cannot be told from the best one: a confidence set for the n at which
            gold is highest, at the level.
        p_value: of "at the largest n gold is as high as at any smaller n".
        p_anywhere: of "gold never falls as n grows".
        declines_from: the smallest n shown to be worse than a smaller one; None if none is.
        gains_to: the largest n shown to be better than n = 1; None if none is.
        level: each of these holds with this confidence, over all n together.
        n: every n that was looked at.
    """

    best: int
    among: tuple[int, ...]
    p_value: float
    p_anywhere: float
    declines_from: int | None
    gains_to: int | None
    level: float
    n: tuple[int, ...]

    @property
    def overoptimised(self) -> bool:
        """Whether gold at the largest n is shown to be below gold at a smaller n."""
        return self.p_value <= 1 - self.level + 1e-12

    def __repr__(self) -> str:
        text = f"gold is highest at {self.where()} ({self.level:.0%}; estimate {self.best:,})"
        if self.declines_from is not None:
            text += f", and has fallen by n = {self.declines_from:,}"
        return text

    def runs(self) -> list[tuple[int, int]]:
        """The set of best n as unbroken ranges of those that were looked at."""
        place = {x: i for i, x in enumerate(self.n)}
        runs: list[tuple[int, int]] = []
        for x in self.among:
            if runs and place[x] == place[runs[-1][1]] + 1:
                runs[-1] = (runs[-1][0], x)
            else:
                runs.append((x, x))
        return runs

    def where(self) -> str:
        """The set of best n in words."""
        parts = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in self.runs()]
        return "n = " + (", ".join(parts) if len(parts) < 5 else f"{parts[0]}, …, {parts[-1]}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {
            "among": list(self.among), "n": list(self.n), "overoptimised": self.overoptimised,
        }  # fmt: skip


@dataclass(frozen=True)
class Pressure:
    """Best-of-n against a judge, with gold.

    Attributes:
        n_max: the largest n; `prompts` have at least so many answers.
        answers, failed, unlabelled: answers of these prompts, those that the judge could not
            score, and those without a gold score.
        left_out: prompts with too few answers or no label.
        gold, judge: mean score of the answer that the judge picks among n.
        scale: gold units that one unit of the judge is worth: gold's gain from n = 1 to 2 over
            the judge's, which is the Gini regression slope among a prompt's answers (Olkin and
            Yitzhaki, Int. Stat. Rev. 60 (1992) 185); or 1 if they share a scale. None if the
            judge never tells answers apart.
        gap: what the judge promises (`scale` times its gain over n = 1) less the gain in gold,
            from n = 3 on (2 on one scale); None where there is nothing to compare.
        kl_bound: shape (k,), log n - (n - 1)/n, an upper bound on the divergence from the base.
        kl: the same, no more than the judge's levels allow.
        turn: where gold turns.
        fit: Gao's law; None if it could not be fitted, and `no_fit` says why.
        nulls: empty and planted answers against the real ones.
        if_missing: what gold's curve could be at the least and the most if nothing were assumed
            about missing golds and failed scores; None if none is missing.
        notes: what to keep in mind.
    """

    n_max: int
    prompts: int
    answers: int
    failed: int
    unlabelled: int
    left_out: int
    gold: Curve
    judge: Curve
    scale: float | None
    gap: Curve | None
    kl_bound: Floats
    kl: Floats
    turn: Turn
    fit: Fit | None
    no_fit: str | None
    nulls: tuple[Null, ...]
    if_missing: tuple[Floats, Floats] | None
    level: float
    notes: tuple[str, ...] = ()

    @property
    def peak_n(self) -> float | None:
        """The n at the peak of the fitted law; None without a peak, infinite if beyond reach."""
        if self.fit is None or self.fit.peak.value is None:
            return None
        return n_at(self.fit.peak.value)

    def promise(self) -> Floats:
        """What the judge promises in gold units: gold at n = 1 plus `scale` times its gain."""
        gain = self.judge.value - self.judge.value[0]
        return np.asarray(self.gold.value[0] + (self.scale or 0.0) * gain)

    def __repr__(self) -> str:
        g, t = self.gold, self.turn
        text = f"best of n by the judge, {self.prompts:,} prompts: gold goes {g!r}; {t!r}"
        if t.overoptimised:
            return (
                text + f"; the judge is over-optimised at n = {self.n_max:,} (p = {t.p_value:.2g})"
            )
        return text + f"; no decline shown up to n = {self.n_max:,} (p = {t.p_value:.2g})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        counts = ("n_max", "prompts", "answers", "failed", "unlabelled", "left_out", "scale",
                  "level", "no_fit")  # fmt: skip
        peak = self.peak_n
        return {name: getattr(self, name) for name in counts} | {
            "gold": self.gold.to_dict(),
            "judge": self.judge.to_dict(),
            "gap": None if self.gap is None else self.gap.to_dict(),
            "kl_bound": self.kl_bound.tolist(),
            "kl": self.kl.tolist(),
            "turn": self.turn.to_dict(),
            "fit": None if self.fit is None else self.fit.to_dict(),
            "peak_n": None if peak is None or not np.isfinite(peak) else peak,
            "nulls": [null.to_dict() for null in self.nulls],
            "if_missing": None
            if self.if_missing is None
            else [end.tolist() for end in self.if_missing],
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """Gold and what the judge promises over sqrt(KL), with bands and the set of best n."""
        from calibrant.judges.pressure.figure import pressure_figure

        return pressure_figure(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()
