"""From token scores, a method and a reason to tests: the verb behind `contamination test`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.canary import canary_test, reference_test
from calibrant.contamination.exposure.conclude import check_reason
from calibrant.contamination.exposure.gather import (
    Asked,
    Lost,
    check_signals,
    merged,
    told,
)
from calibrant.contamination.exposure.groups import combined_test, rank_test, split_test
from calibrant.contamination.exposure.pairs import paraphrase_test, twin_test
from calibrant.contamination.exposure.several import several
from calibrant.contamination.signals.beside import gaps
from calibrant.contamination.tokens import TokenScores
from calibrant.errors import InputError

Method = Literal["split", "rank", "combined", "twin", "paraphrase", "canary", "reference"]
METHODS: tuple[Method, ...] = (
    "split", "rank", "combined", "twin", "paraphrase", "canary", "reference",
)  # fmt: skip

AGAINST: dict[str, str] = {
    "split": "held-out",
    "rank": "held-out",
    "combined": "held-out",
    "twin": "twin",
    "paraphrase": "paraphrase",
    "canary": "other",
    "reference": "twin",
}
"""The form of texts that published ones are compared with, where none is named."""


def expose(
    scores: Sequence[TokenScores],
    *,
    method: Method,
    reason: str,
    signals: Sequence[str] = ("loss",),
    subject: str | None = None,
    form: str = "verbatim",
    against: str | None = None,
    published: Mapping[str, bool] | None = None,
    clusters: Mapping[str, str] | None = None,
    strata: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    skip: int = 0,
    lost: Lost = "refuse",
    alpha: float = 0.05,
    **more: Any,
) -> tuple[ExposureTest, ...]:
    """Tests of whether a subject saw published texts, one for each signal, held together by Holm.

    Args:
        scores: of one subject or several, from one file or several.
        method: which test; "combined" takes all signals at once.
        reason: what makes the p-value valid; each method takes one of its own.
        signals: names of signals; "reference" takes one other subject's scores.
        subject: who is tested; the first subject in `scores` if not named.
        form, against: forms of the published texts, and of those that they are compared with.
        published: of items by their ids, whether they were published, where that is no form.
        clusters, strata: of items by their ids.
        options: of signals by their names, such as `{"min-k": {"k": .1}}`.
        skip: how many first tokens of each text are left out.
        lost: "refuse" texts without log-probabilities, or "drop" their items, and say so.
        more: of the test, such as `draws`, `seed`, `statistic`.

    Raises:
        InputError: for another method, reason, signal or form; as the signal and the test.
    """
    if method not in METHODS:
        raise InputError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")
    check_reason(method, reason)
    names = check_signals(signals)
    every = merged(scores)
    own = _subject(every, subject)
    others = tuple(s for s in every if s is not own)
    asked = Asked(own, others, published, clusters, strata, skip, lost, options)
    common = {"reason": reason, "alpha": alpha, "subject": own.subject, **more}
    kind = AGAINST[method] if against is None else against
    if method == "combined":
        found = [_combined(asked, names, form, kind, common)]
    else:
        one = _TESTS[method]
        found = [one(asked, method, name, form, kind, common) for name in names]
    first = told(own, skip)
    return several([replace(t, detail=t.detail | first) for t in found])


def _subject(every: Sequence[TokenScores], name: str | None) -> TokenScores:
    found = [s for s in every if name is None or s.subject == name]
    if not found:
        there = ", ".join(one_line(s.subject, 60) for s in every)
        raise InputError(f"subject: no scores of {name!r}; there are {there}")
    return found[0]


def _kept(
    scores: TokenScores, values: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which texts have a value; what is said of the others."""
    whole = np.asarray(~np.isnan(values.reshape(len(scores), -1)).any(axis=1))
    if whole.all():
        return whole, ()
    bad = [scores.item[i] for i in np.flatnonzero(~whole)]
    names = ", ".join(repr(one_line(b, 40)) for b in bad[:5]) + (", …" if len(bad) > 5 else "")
    return whole, (f"{len(bad)} of {len(scores)} texts lack log-probabilities and were left out: "
                   f"{names}",)  # fmt: skip


def _split(
    asked: Asked, method: str, name: str, form: str, against: str, common: dict[str, Any]
) -> ExposureTest:
    scores, mask = asked.groups(form, against)
    values, notes = asked.values(name, scores)
    whole, left_out = _kept(scores, values)
    scores, mask, values = scores.select(whole), mask[whole], values[whole]
    more = _layers(asked, scores) if method == "split" else {}
    if method == "rank" and (asked.clusters or asked.strata):
        raise InputError("rank: takes no clusters or strata: use split, or resplit in Python")
    test: Callable[..., ExposureTest] = split_test if method == "split" else rank_test
    found = test(values, mask, texts=scores.text, **more, **common)
    return _with(found, name, *notes, *left_out)


def _combined(
    asked: Asked, names: Sequence[str], form: str, against: str, common: dict[str, Any]
) -> ExposureTest:
    scores, mask = asked.groups(form, against)
    both = [asked.values(name, scores) for name in names]
    table = np.column_stack([values for values, _ in both])
    whole, left_out = _kept(scores, table)
    scores, mask, table = scores.select(whole), mask[whole], table[whole]
    found = combined_test(table, mask, texts=scores.text, **_layers(asked, scores), **common)
    notes = [note for _, some in both for note in some]
    return _with(found, " + ".join(names), *notes, *left_out)


def _layers(asked: Asked, scores: TokenScores) -> dict[str, Any]:
    return {
        "clusters": asked.labels(asked.clusters, scores.item),
        "strata": asked.labels(asked.strata, scores.item),
    }


def _pairs(
    asked: Asked, method: str, name: str, form: str, against: str, common: dict[str, Any]
) -> ExposureTest:
    scores = asked.forms(form, against)
    values, notes = asked.values(name, scores)
    found = gaps(scores.item, scores.form, values, form=form, against=against)
    _, left_out = _kept(scores, values)
    if found.alone:
        names = ", ".join(repr(one_line(a, 40)) for a in found.alone[:5])
        left_out = (*left_out, f"{len(found.alone)} items lack one of the two forms: {names}"
                    + (", …" if len(found.alone) > 5 else ""))  # fmt: skip
    if asked.strata:
        raise InputError(f"{method}: takes no strata: each pair is one of its own")
    test: Callable[..., ExposureTest] = twin_test if method == "twin" else paraphrase_test
    clusters = asked.labels(asked.clusters, found.item)
    texts: dict[str, list[str]] = {item: [] for item in found.item}
    for kind in (form, against):
        for item, one, text in zip(scores.item, scores.form, scores.text, strict=True):
            if one == kind and item in texts and (kind == against or not texts[item]):
                texts[item].append(text)
    whole = test(found.value, clusters=clusters, texts=list(texts.values()), **common)
    return _with(whole, name, *notes, *left_out)


def _canary(
    asked: Asked, method: str, name: str, form: str, against: str, common: dict[str, Any]
) -> ExposureTest:
    if asked.clusters or asked.strata:
        raise InputError(f"{method}: takes no clusters or strata")
    scores, mask = asked.groups(form, against)
    values, notes = asked.values(name, scores)
    whole, left_out = _kept(scores, values)
    ours, theirs = np.flatnonzero(mask & whole), np.flatnonzero(~mask & whole)
    texts = [scores.text[i] for i in (*ours, *theirs)]
    found = canary_test(values[ours], values[theirs], texts=texts, **common)
    return _with(found, name, *notes, *left_out)


def _reference(
    asked: Asked, _: str, name: str, form: str, against: str, common: dict[str, Any]
) -> ExposureTest:
    """The subject's mean gap to twins where there are twins, else its mean signal."""
    paired = against in asked.own.form
    means = []
    own = asked.forms(*((form, against) if paired else (form,)))
    for one in (asked.own, *asked.others):
        mine = replace(asked, own=one, others=())
        scores = mine.forms(*((form, against) if paired else (form,)))
        if set(zip(scores.item, scores.text, strict=True)) != set(
            zip(own.item, own.text, strict=True)
        ):
            raise InputError(
                f"{one_line(one.subject, 60)} and {one_line(own.subject, 60)} scored different "
                "texts"
            )
        values = mine.values(name, scores)[0]
        if paired:
            values = gaps(scores.item, scores.form, values, form=form, against=against).value
        means.append(float(np.nanmean(values)))
    if len(means) < 2:
        raise InputError("reference: wanted scores of reference subjects, too, got the subject's")
    rest = {k: v for k, v in common.items() if k in ("reason", "alpha", "subject")}
    found = reference_test(means[0], means[1:], items=len(set(own.item)), **rest)
    what = f"mean gap of {form} to {against} texts" if paired else f"mean of {form} texts"
    kinds = {(s.tokenizer, s.prefix) for s in (asked.own, *asked.others)}
    alike = () if len(kinds) == 1 else ("subjects differ in tokenizer or prefix, so their signals "
                                        "are on different scales",)  # fmt: skip
    return _with(found, name, f"compared by the {what}", *alike)


_TESTS: dict[str, Callable[..., ExposureTest]] = {
    "split": _split,
    "rank": _split,
    "twin": _pairs,
    "paraphrase": _pairs,
    "canary": _canary,
    "reference": _reference,
}


def _with(found: ExposureTest, name: str, *notes: str) -> ExposureTest:
    return replace(found, notes=(*found.notes, *notes), detail=found.detail | {"signal": name})
