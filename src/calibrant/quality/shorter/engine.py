"""A test that adapts: what it knows of its items, in one object that can be kept in a file.

An engine is pure: no clock, no files, no network. What a session does next is a function of the
engine, its seed and the set of scores so far, so that a session can be stopped, resumed and
replayed, and answers may come in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import dumps, one_line
from calibrant.errors import InputError
from calibrant.quality.shorter.evidence import Evidence, evidence_of
from calibrant.quality.shorter.factors import Factors
from calibrant.quality.shorter.policy import Policy, Stop
from calibrant.quality.shorter.posterior import Cloud, cloud_of

if TYPE_CHECKING:
    from calibrant.quality.shorter.session import Session

Floats = NDArray[np.float64]

FORMAT = "calibrant engine 1"
FINE = "adaptive: fine"


@dataclass(frozen=True, eq=False, repr=False)
class Engine:
    """Calibrated items, ready to be asked one at a time.

    Attributes:
        items: names.
        categories: each item's category; None if they have none.
        worth: shape (items,), each item's part in the full score; they sum to 1.
        factors: what the items are known to measure.
        evidence: how wrong predictions were on unseen families.
        low, high: the range of scores.
        subjects, families: how many the items were calibrated with.
        verdict: "adaptive: fine", "random only" or "unusable".
        reasons: why.
        notes: what a reader should know.
    """

    items: tuple[str, ...]
    categories: tuple[str, ...] | None
    worth: Floats
    factors: Factors
    evidence: Evidence
    low: float
    high: float
    subjects: int
    families: int
    verdict: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether sessions may adapt."""
        return self.verdict == FINE

    @cached_property
    def number(self) -> dict[str, int]:
        """Each item's place in `items`."""
        return {name: j for j, name in enumerate(self.items)}

    @cached_property
    def cloud(self) -> Cloud:
        """What is known of a subject before any answer."""
        return cloud_of(self.factors)

    def session(
        self,
        answers: Mapping[str, float | None] | None = None,
        *,
        seed: int = 0,
        policy: Policy | None = None,
        stop: Stop | None = None,
        absent: Iterable[str] = (),
        force: bool = False,
    ) -> Session:
        """A session with one subject.

        Args:
            answers: item → score; None or NaN for an item that was asked and has no score.
            seed: of what is left to chance.
            policy: how items are chosen; by default those that tell most of the full score.
            stop: when it is done; by default after 25 items.
            absent: items that cannot be asked; they are part of the full score all the same.
            force: adapt although the verdict forbids it.

        Raises:
            InputError: for an unknown item, a score out of range, or a policy that adapts where
                the verdict forbids it.
        """
        from calibrant.quality.shorter.session import Session

        policy = Policy() if policy is None else policy
        if policy.pick != "random" and not self.fine and not force:
            why = f" ({one_line('; '.join(self.reasons), 160)})" if self.reasons else ""
            raise InputError(
                f"engine: {self.verdict}{why}; use random items, or force it knowingly"
            )
        if self.verdict == "unusable" and not force:
            raise InputError(f"engine: unusable ({one_line('; '.join(self.reasons), 160)})")
        agreed = Stop() if stop is None else stop
        if policy.balance and self.categories is None:
            raise InputError("balance: wanted categories of the items, got none")
        return Session.of(self, answers or {}, seed, policy, agreed, tuple(absent))

    def __repr__(self) -> str:
        best = self.evidence.error_of("target", 25, scale=self.high - self.low)
        plain = self.evidence.error_of("random sample", 25, scale=self.high - self.low)
        return (
            f"{len(self.items):,} items calibrated with {self.subjects} subjects of "
            f"{self.families} families, {self.verdict}: {best.items} chosen items predict the "
            f"full score of unseen families with a mean error of {best.error:.3f}, "
            f"as many random ones {plain.error:.3f}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, of which `engine_of` makes the same engine again."""
        return {
            "format": FORMAT,
            "items": list(self.items),
            "categories": None if self.categories is None else list(self.categories),
            "worth": self.worth.tolist(),
            "factors": {
                "mean": self.factors.mean.tolist(),
                "covariance": self.factors.covariance.tolist(),
                "dispersion": self.factors.dispersion.tolist(),
            },
            "evidence": self.evidence.to_dict(),
            "low": self.low, "high": self.high,
            "subjects": self.subjects, "families": self.families,
            "verdict": self.verdict, "reasons": list(self.reasons), "notes": list(self.notes),
        }  # fmt: skip


def engine_of(plain: Mapping[str, Any]) -> Engine:
    """The engine that `Engine.to_dict` made plain.

    Raises:
        InputError: if it is none.
    """
    if plain.get("format") != FORMAT:
        raise InputError(f"engine: wanted format {FORMAT!r}, got {plain.get('format')!r}")
    try:
        size = len(plain["items"])
        part = plain["factors"]
        factors = Factors(
            np.array(part["mean"], np.float64),
            np.array(part["covariance"], np.float64),
            np.array(part["dispersion"], np.float64),
        )
        groups = plain["categories"]
        engine = Engine(
            tuple(str(i) for i in plain["items"]),
            None if groups is None else tuple(str(c) for c in groups),
            np.array(plain["worth"], np.float64), factors, evidence_of(plain["evidence"]),
            float(plain["low"]), float(plain["high"]), int(plain["subjects"]),
            int(plain["families"]), str(plain["verdict"]),
            tuple(str(r) for r in plain["reasons"]), tuple(str(n) for n in plain["notes"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as e:
        raise InputError(f"engine: not one ({type(e).__name__}: {one_line(str(e), 100)})") from e
    wide = factors.mean.shape[1] if factors.mean.ndim == 2 else 0
    wrong = (
        wide < 2
        or factors.mean.shape != (size, wide)
        or factors.covariance.shape != (size, wide, wide)
        or factors.dispersion.shape != (size,)
        or engine.worth.shape != (size,)
        or (engine.categories is not None and len(engine.categories) != size)
        or len(set(engine.items)) != size
    )
    arrays = (factors.mean, factors.covariance, factors.dispersion, engine.worth)
    if wrong or not all(np.isfinite(a).all() for a in arrays) or not engine.low < engine.high:
        raise InputError(f"engine: its numbers do not fit its {size} items")
    return engine


def write_engine(engine: Engine, path: Path) -> None:
    """Write an engine as JSON.

    Raises:
        InputError: if it cannot be written.
    """
    try:
        path.write_text(dumps(engine.to_dict()) + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"{path}: cannot be written: {e.strerror or e}") from e


def read_engine(path: Path) -> Engine:
    """Read an engine that `write_engine` wrote.

    Raises:
        InputError: if there is none, or it is not one.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise InputError(f"{path}: not an engine ({one_line(str(e), 120)})") from e
    if not isinstance(plain, dict):
        raise InputError(f"{path}: wanted an engine, got {type(plain).__name__}")
    return engine_of(plain)
