"""How far can this board be trusted? Every robustness question in one call, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.ratings.audit.agreement import Agreement, agreement
from calibrant.ratings.audit.clones import CloneTest, clone_test
from calibrant.ratings.audit.confounding import Confounding, confounding
from calibrant.ratings.audit.data import GROUPINGS, Votes, clusters, from_counts
from calibrant.ratings.audit.elo import OrderNoise, order_noise
from calibrant.ratings.audit.influence import Influence, influence
from calibrant.ratings.audit.lens import ELO, Lens, look
from calibrant.ratings.audit.mix import Mix, mix
from calibrant.ratings.audit.removal import Upset, upset
from calibrant.ratings.audit.rigging import Rigging, rig
from calibrant.ratings.audit.sides import SideEffect, side_effects
from calibrant.ratings.audit.variants import BestOf, best_of, variants_to_gain
from calibrant.ratings.counts import Counts
from calibrant.ratings.existence import Existence, existence
from calibrant.ratings.fit import RatingError
from calibrant.ratings.likelihood import ModelName


@dataclass(frozen=True)
class Private:
    """What private variants could do, or did, to one subject's rating, in Elo points.

    Attributes:
        subject: who. standard_error: of its rating, by the sandwich.
        best_of: the published rating put right, for the stated number of variants (10 where none
            was stated).
        stated: whether the number of variants was.
        to_first: alike variants whose best would be expected to be published in first place.
    """

    subject: str
    standard_error: float
    best_of: BestOf
    stated: bool
    to_first: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return self.__dict__ | {"best_of": self.best_of.to_dict()}

    def __repr__(self) -> str:
        said = "stated" if self.stated else "supposed"
        return f"{self.subject!r}, {self.best_of.variants} variants {said}: {self.best_of!r}"


@dataclass(frozen=True)
class Audit:
    """Every robustness question about one board.

    Attributes:
        model, votes, subjects: what was audited; `ranking` names the subjects, strongest first,
            with their strengths in Elo points (mean 0).
        existence: whether all subjects have a common rating.
        left_out: subjects outside the largest group that has one; the audit is of the rest.
        upsets: fewest votes whose removal changes a place.
        riggings: fewest fake votes that lift a subject.
        influences: by kind ("item", "voter", "judge", "category"), what leaving one out does.
        order_noise: Elo over orders of the same votes.
        mixes: mildest reweighting of categories or items that puts another first.
        clones: what a copy of a subject does to the others, by method.
        private: what the best of several private variants hides.
        confounding: what covariates account for; None if none are known.
        sides: side effect of each judge. agreements: of pairs of judges.
        notes: what could not be said, and why, in lines.
    """

    model: str
    votes: int
    subjects: int
    ranking: tuple[tuple[str, float], ...]
    existence: Existence
    left_out: tuple[str, ...]
    upsets: tuple[Upset, ...]
    riggings: tuple[Rigging, ...]
    influences: Mapping[str, tuple[Influence, ...]]
    order_noise: OrderNoise
    mixes: tuple[Mix, ...]
    clones: tuple[CloneTest, ...]
    private: tuple[Private, ...]
    confounding: Confounding | None
    sides: tuple[SideEffect, ...]
    agreements: tuple[Agreement, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""

        def plain(value: Any) -> Any:
            if hasattr(value, "to_dict"):
                return value.to_dict()
            if isinstance(value, Mapping):
                return {k: plain(v) for k, v in value.items()}
            if isinstance(value, tuple):
                return [plain(v) for v in value]
            return value

        rows = [{"subject": n, "elo": x} for n, x in self.ranking]
        return {k: plain(v) for k, v in self.__dict__.items()} | {"ranking": rows}

    def __repr__(self) -> str:
        who = f"{self.votes:,} votes on {self.subjects} subjects"
        if not self.upsets:
            return f"Audit of {who}: {self.existence!r}"
        return f"Audit of {who}: {str(self.upsets[0])[0].lower()}{str(self.upsets[0])[1:]}"

    def page(self) -> str:
        """The audit on one page of plain text, safe to print."""
        from calibrant.ratings.audit.page import page

        return page(self)


def audit(
    data: Votes | Counts,
    *,
    model: ModelName = "bt",
    prior_sd: float | None = None,
    places: Sequence[int] = (1, 2, 3),
    variants: Mapping[str, int] | None = None,
    orders: int = 100,
    rounds: int = 200,
    seed: int = 0,
) -> Audit:
    """Ask every robustness question about the board of these comparisons.

    Where not all subjects have a common rating and no prior is stated, the audit is of the
    largest group that has one, and says who is left out and why.

    Args:
        data: comparisons; of a count table nothing about voters, items or judges can be said.
        model: "bt", "davidson" or "rao-kupper". prior_sd: a normal prior on log-strengths.
        places: which places are tried to upset.
        variants: private variants tried, by subject, the published one included.
        orders: permutations for Elo. rounds: bootstrap rounds for agreement.
        seed: of permutations and bootstrap.

    Raises:
        InputError: for fewer than two subjects, no comparisons, or variants of unknown subjects.
    """
    rows = from_counts(data) if isinstance(data, Counts) else data
    counts = rows.counts()
    if len(rows.names) < 2 or not rows.size:
        raise InputError("audit: wanted at least 2 subjects and one comparison")
    unknown = sorted(set(variants or ()) - set(rows.names))
    if unknown:
        raise InputError(f"variants: {unknown[0]!r} is not among the subjects")
    found = existence(counts)
    notes: list[str] = []
    left_out: tuple[str, ...] = ()
    if not found.exists and prior_sd is None:
        rows, left_out = _largest(rows, found)
        notes.append(f"{found!r}; the audit is of the largest group with a rating")
    if len(rows.names) < 2:
        return _nothing(data, found, model, orders, seed, notes)
    lens = _look(rows, model, prior_sd, notes)
    return _whole(lens, rows, found, left_out, places, variants or {}, orders, rounds, seed, notes)


def _look(rows: Votes, model: ModelName, prior: float | None, notes: list[str]) -> Lens:
    try:
        return look(rows.counts(), model, prior_sd=prior)
    except RatingError as error:
        if model == "bt":
            raise
        notes.append(f"{error}; Bradley–Terry is audited instead")
        return look(rows.counts(), "bt", prior_sd=prior)


def _largest(rows: Votes, found: Existence) -> tuple[Votes, tuple[str, ...]]:
    """The comparisons among the largest strongly connected group, and the subjects outside."""
    inside = set(found.components[0])
    keep = [i for i, name in enumerate(rows.names) if name in inside]
    return rows.among(keep), tuple(n for n in rows.names if n not in inside)


def _nothing(
    data: Votes | Counts, found: Existence, model: ModelName, orders: int, seed: int,
    notes: list[str],
) -> Audit:  # fmt: skip
    """What is left where no two subjects have a common rating: Elo's order noise."""
    rows = from_counts(data) if isinstance(data, Counts) else data
    return Audit(
        model, rows.size, len(rows.names), (), found, rows.names, (), (), {},
        order_noise(rows, orders=orders, seed=seed), (), (), (), None, (), (),
        (*notes, "no two subjects have a common rating; state a prior to audit all"),
    )  # fmt: skip


def _whole(
    lens: Lens, rows: Votes, found: Existence, left_out: tuple[str, ...],
    places: Sequence[int], variants: Mapping[str, int], orders: int, rounds: int, seed: int,
    notes: list[str],
) -> Audit:  # fmt: skip
    size = lens.strengths.size
    ranked = [int(i) for i in lens.ranking]
    lifted = [p for p in (2, 5, 10) if p <= size]
    try:
        style = confounding(lens, rows)
    except RatingError as error:
        style = None
        notes.append(f"covariates: {error}")
    boards, reasons = agreement(
        rows, model=lens.fit.model, prior_sd=lens.fit.prior_sd, rounds=rounds, seed=seed
    )
    notes += reasons
    for kind in GROUPINGS:
        codes = rows.codes(kind)
        missing = 0 if codes is None else int((codes < 0).sum())
        if missing:
            notes.append(f"{kind}: missing in {missing:,} of {rows.size:,} comparisons")
    mixes = [mix(lens, rows, kind) for kind in ("category", "item")]
    return Audit(
        lens.fit.model,
        rows.size,
        size,
        tuple((rows.names[i], float(lens.strengths[i]) * ELO) for i in ranked),
        found,
        left_out,
        tuple(upset(lens, p) for p in places if p < size),
        tuple(rig(lens, ranked[p - 1], p - 1) for p in lifted),
        {k: x for k in GROUPINGS if (x := influence(lens, rows, k))},
        order_noise(rows, orders=orders, seed=seed),
        tuple(m for m in mixes if m is not None),
        tuple(clone_test(lens, rows, seed=seed)) if size > 2 else (),
        _private(lens, rows, variants),
        style,
        tuple(side_effects(lens, rows, prior_sd=lens.fit.prior_sd)),
        tuple(boards),
        tuple(notes),
    )


def _private(lens: Lens, rows: Votes, variants: Mapping[str, int]) -> tuple[Private, ...]:
    """The stated subjects, or the second on the board, supposing ten variants."""
    item, size = clusters(rows.item, rows.size)
    gradients = None
    if rows.item is not None and size > 1:
        cell = lens.cells_of(rows.left, rows.right, rows.outcome)
        gradients = lens.gradients(item, size, cell)
    variances = np.diag(lens.covariance(gradients))[: lens.strengths.size]
    errors = np.sqrt(np.maximum(variances, 0.0)) * ELO
    top = float(lens.strengths.max()) * ELO
    chosen = {rows.names.index(n): v for n, v in variants.items() if n in rows.names}
    out = []
    for i, number in (chosen or {int(lens.ranking[1]): 10}).items():
        at, error = float(lens.strengths[i]) * ELO, float(errors[i])
        gain = variants_to_gain(top - at, error) if top > at and error > 0 else None
        fixed = best_of(number, observed=at, standard_error=error)
        out.append(Private(rows.names[i], error, fixed, bool(chosen), gain))
    return tuple(out)
