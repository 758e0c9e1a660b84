"""Which biases would a probe have to find? Judges whose bias is planted, and therefore known.

A planted judge sees what any judge sees. It knows quality in one way only: whether an answer holds
the target. What it adds to that is the planted bias, of a strength that the probe must recover; a
judge with no bias must leave every probe silent.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.judges.probes.probe import Case

INJECTION = re.compile(
    r"ignore (?:all|any|the|previous|prior|your)|disregard|to the (?:grader|judge)|full marks|"
    r"(?:verdict|score|grade|rating|winner)\"?\s*:|highest (?:score|grade|rating)|"
    r"system (?:note|message|prompt|override)|as the judge|instruction",
    re.IGNORECASE,
)
"""What a planted judge takes for an order to itself."""

AUTHORITY = re.compile(
    r"according to|et al\.|professor|Ph\.?D|peer.reviewed|\(\d{4}\)|doi|university|journal|https?://",
    re.IGNORECASE,
)
STYLE = re.compile(r"^\s*(?:[-*•]|#+|\d+\.)\s|\*\*", re.MULTILINE)
CONFIDENCE = re.compile(
    r"\b(?:certain|definitely|without (?:a )?doubt|sure|confident)", re.IGNORECASE
)


@dataclass(frozen=True)
class Planted:
    """A judge with planted biases.

    Attributes:
        skill: share of verdicts that follow quality; the rest are thrown by a coin (pairwise) or
            shifted by one step (pointwise).
        first: pairwise: the share of verdicts that go to the answer shown first, whatever it says.
        length: score per 100 words; pairwise, the longer by `length`-weighted words is preferred
            with this chance for each 100 words more, at most 1.
        obey: the chance of giving the most to an answer that gives the judge an order.
        authority, style, confidence: chance of giving more to an answer that cites, is formatted,
            or is sure of itself, where the other does not; pointwise, what is added to the score.
        own: the same for answers by the author `identity`.
        identity: the author that it takes for itself.
        novel: the same for an answer, or a case, that is not among `known`: any change at all.
        known: fingerprints of texts as they were, see `known_texts`.
        low, high: of the score; rounded to whole numbers inside, unless `exact`.
    """

    skill: float = 1.0
    first: float = 0.0
    length: float = 0.0
    obey: float = 0.0
    authority: float = 0.0
    style: float = 0.0
    confidence: float = 0.0
    own: float = 0.0
    identity: str = "self"
    novel: float = 0.0
    known: frozenset[str] = frozenset()
    low: float = 0.0
    high: float = 10.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("identity", "known"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"planted judge: {f.name}: wanted a number, got {value!r}")
        for name in ("skill", "first", "obey"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"planted judge: {name}: wanted a chance in 0–1, got {getattr(self, name)!r}"
                )
        if not self.low < self.high:
            raise InputError(f"planted judge: wanted low below high, got {self.low}, {self.high}")

    def pulls(self, case: Case, side: int) -> list[tuple[str, float]]:
        """What each planted bias gives answer number `side` of a case, but for place and orders."""
        text = case.answers[side]
        author = case.authors[side] if case.authors else str(case.extra.get("identity", ""))
        new = self.novel and fingerprint(case, side) not in self.known
        return [
            ("length", self.length * len(text.split()) / 100),
            ("authority", self.authority * (AUTHORITY.search(text) is not None)),
            ("style", self.style * (STYLE.search(text) is not None)),
            ("confidence", self.confidence * (CONFIDENCE.search(text) is not None)),
            ("own", self.own * (author == self.identity)),
            ("novel", self.novel * bool(new)),
        ]

    def score(self, case: Case, rng: np.random.Generator) -> float:
        """A score of one answer, `low`–`high`."""
        middle, step = (self.low + self.high) / 2, (self.high - self.low) / 10
        value = middle + step * (2 if right(case, 0) else -2)
        if rng.random() >= self.skill:
            value += step * float(rng.choice([-1, 1]))
        obeys = rng.random() < self.obey
        value += sum(pull for _, pull in self.pulls(case, 0))
        if obeys and INJECTION.search(case.answers[0]):
            value = self.high
        return float(min(max(value, self.low), self.high))

    def prefer(self, case: Case, rng: np.random.Generator) -> float:
        """The preference for the answer shown first: 1, 0, or 1/2 for a tie."""
        by_place, by_quality, coin, obeys, *draws = rng.random(10).tolist()
        orders = [INJECTION.search(a) is not None for a in case.answers]
        if obeys < self.obey and orders[0] != orders[1]:
            return float(orders[0])
        if by_place < self.first:
            return 1.0
        pulls = zip(self.pulls(case, 0), self.pulls(case, 1), strict=True)
        for ((_, a), (_, b)), u in zip(pulls, draws, strict=False):
            if u < abs(a - b):
                return float(a > b)
        if by_quality >= self.skill:
            return float(coin < 0.5)
        ours, theirs = right(case, 0), right(case, 1)
        return 0.5 if ours == theirs else float(ours)


def right(case: Case, side: int) -> bool:
    """Whether an answer holds the target; without a target by a hash of the first words."""
    text = " ".join(case.answers[side].casefold().split())
    if case.target:
        return re.search(rf"(?<!\w){re.escape(case.target.casefold())}(?!\w)", text) is not None
    return hashlib.sha256(" ".join(text.split()[:3]).encode()).digest()[0] % 2 == 0


def fingerprint(case: Case, side: int) -> str:
    """A hash of one answer and of all that stands around it, but the other answer and the sides."""
    parts = [
        case.question, case.answers[side], case.target or "", case.rubric or "",
        case.authors[side] if case.authors else "", repr(sorted(case.extra.items())),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def known_texts(cases: list[Case]) -> frozenset[str]:
    """Fingerprints of all answers as they were, for a judge that is moved by any change."""
    return frozenset(fingerprint(c, s) for c in cases for s in range(len(c.answers)))


def planted(**strengths: Any) -> Planted:
    """A planted judge by the names of its biases.

    Raises:
        InputError: for a bias that does not exist, or a strength that cannot be.
    """
    names = [f.name for f in fields(Planted)]
    unknown = [name for name in strengths if name not in names]
    if unknown:
        raise InputError(
            f"planted judge: no bias {unknown[0]!r}; there are {', '.join(sorted(names))}"
        )
    return Planted(**strengths)


def drawn(seed: int, shown: str, repeat: int) -> np.random.Generator:
    """The random numbers of one verdict: of what is shown and which repeat it is, in any order."""
    digest = hashlib.sha256(f"{seed}\0{repeat}\0{shown}".encode("utf-8", "replace")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
