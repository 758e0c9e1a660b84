"""What may be said? From a valid p-value, its reason and a blind baseline to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calibrant.contamination.evidence import REASONS, ExposureTest, Verdict
from calibrant.errors import InputError

ALLOWED: dict[str, str] = {
    "order": "random-order",
    "split": "random-split",
    "rank": "random-split",
    "combined": "random-split",
    "correct": "random-split",
    "twin": "random-twin",
    "paraphrase": "random-twin",
    "correct-twin": "random-twin",
    "canary": "random-canary",
    "reference": "unexposed-reference",
}
"""Which reason makes the p-value of which test valid."""

FEW = (
    "not found is no evidence of absence: one or two exposures are mostly beyond reach, whatever "
    "the method"
)


def check_reason(method: str, reason: str) -> None:
    """Refuse a reason that does not make the p-value of this test valid.

    Raises:
        InputError: naming the reason that does.
    """
    if reason not in REASONS:
        raise InputError(f"reason: wanted one of {', '.join(REASONS)}; got {reason!r}")
    wanted = ALLOWED[method]
    if reason != wanted:
        raise InputError(
            f"reason: a test by {method} is valid if {REASONS[wanted]} ({wanted!r}); "
            f"{reason!r} does not make it so"
        )


def check_alpha(alpha: float) -> None:
    """Refuse a level outside 0–1."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha: wanted strictly between 0 and 1, got {alpha!r}")


def check_draws(draws: int) -> None:
    """Refuse so few random draws that no p-value could be small."""
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 99:
        raise InputError(f"draws: wanted a whole number of at least 99, got {draws!r}")


def concluded(
    method: str,
    *,
    subject: str,
    reason: str,
    items: int,
    statistic: float | None,
    p: float | None,
    smallest: float,
    alpha: float,
    detects: str = "",
    blind: Sequence[dict[str, Any]] | None = (),
    notes: Sequence[str] = (),
    detail: dict[str, Any] | None = None,
    units: str = "items",
    beyond: float | None = None,
) -> ExposureTest:
    """The test with its verdict.

    Args:
        smallest: the least p-value these items could give.
        blind: what a blind baseline finds, if the test compares groups of different items; None
            if it does and there is none, as without texts; empty if it does not.
        units: what there are too few of, for words.
        beyond: the p-value of what features of texts leave unexplained, for tests that compare
            groups of different items.
    """
    said = list(notes)
    verdict: Verdict
    if p is None or smallest > alpha:
        verdict = "undetermined"
        if p is not None:
            said.append(
                f"too few {units}: the smallest p-value that these can give is {smallest:.3g}, "
                f"above {alpha:g}"
            )
            p = None
    elif p > alpha:
        verdict = "not found"
        said.append(FEW)
    elif blind is None:
        verdict = "differs"
        said.append(
            "no texts were given, so no blind baseline could show that the groups are alike: "
            "they differ in this signal, whatever the cause"
        )
    elif apart := [b for b in blind if not b["low"] <= 0.5 <= b["high"]]:
        verdict = "differs"
        names = ", ".join(f"{b['name']} (AUROC {b['auroc']:.2f})" for b in apart)
        said.append(
            f"the groups differ without any subject, in {names}, so what was published looks "
            "anything but drawn at random, and nothing follows about exposure"
        )
    elif beyond is not None and beyond > alpha:
        verdict = "differs"
        said.append(
            f"of the difference nothing is left beyond what features of the texts explain (p = "
            f"{beyond:.2g} on what they do not), so nothing follows about exposure"
        )
    else:
        verdict = "seen"
    more = {} if beyond is None else {"p_beyond_texts": beyond}
    return ExposureTest(
        method=method, subject=subject, reason=reason, items=items, statistic=statistic, p=p,
        alpha=alpha, verdict=verdict, detects=detects, blind=tuple(blind or ()),
        notes=tuple(said), detail={"smallest_p": smallest, **more, **(detail or {})},
    )  # fmt: skip
