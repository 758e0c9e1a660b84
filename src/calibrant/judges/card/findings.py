"""What must a reader of a card know? Sentences, the worst first, and what was never tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibrant._text import one_line
from calibrant.judges.card.model import Bias, Figure
from calibrant.judges.gold import Study

Document = Mapping[str, Any]

POOR = 0.5
"""Sensitivity + specificity - 1 below which a grader halves, or worse, every difference it sees."""

NAMED = 12
"""Probes that a sentence names."""


def findings(
    study: Study | None,
    biases: list[Bias],
    probing: Document | None,
    parts: Mapping[str, list[Figure]],
    given: Mapping[str, Document],
) -> list[str]:
    """What was found, the worst first."""
    said: list[tuple[int, str]] = []
    if study is not None:
        said.append(_error(study, parts["errors"]))
    # What the place does is said by the shares of pairs that it decides.
    said += [
        _bias(b) for b in biases if b.verdict in ("biased", "misses") and b.probe != "order-swap"
    ]
    if probing is not None:
        said += _asked(probing)
    if (a := given.get("agreement")) is not None:
        said += [(0, _full(i["text"])) for i in a["inversions"]]
    if (q := given.get("pressure")) is not None:
        said += _pressed(q)
    if (d := given.get("drift")) is not None:
        said.append(_drifted(d))
    fine = [b.probe for b in biases if b.verdict in ("robust", "detects")]
    if fine:
        said.append((5, f"Not moved by, or right about: {', '.join(fine)}."))
    return [text for _, text in sorted(said, key=lambda row: row[0])]


def _full(text: str) -> str:
    line = one_line(text, 300)
    return line if line.endswith(".") else f"{line}."


def _error(study: Study, errors: list[Figure]) -> tuple[int, str]:
    se, sp, above = errors
    shown = 0.05 * study.positives.rate + 0.95 * (1 - study.negatives.rate)
    text = (
        f"It finds {_interval(se)} of what is positive, and clears {_interval(sp)} of what is not; "
        f"a true rate of 5 % would show as {shown:.1%}."
    )
    assert above.low is not None and above.value is not None
    if above.low <= 0:
        return 0, f"Its verdicts are not shown to be better than chance. {text}"
    if above.value < POOR:
        return 1, f"A poor grader. {text}"
    return 4, text


def _interval(f: Figure) -> str:
    assert f.value is not None and f.low is not None and f.high is not None
    return f"{f.value:.1%} ({f.low:.1%} to {f.high:.1%})"


def _bias(b: Bias) -> tuple[int, str]:
    if b.effect is None or b.low is None or b.high is None:
        return 2, f"{b.probe}: {b.verdict}."
    span = f"({b.low:+.0%} to {b.high:+.0%})"
    if b.verdict == "misses":
        span = f"({b.low:.0%} to {b.high:.0%})"
        return 1, f"{b.probe}: it marks down only {b.effect:.0%} of harmed answers {span}."
    way = "towards" if b.effect > 0 else "away from"
    return (1 if abs(b.effect) > 0.2 else 2), (
        f"{b.probe}: it moves its verdict {way} the altered answer by {abs(b.effect):.0%} of the "
        f"range {span}, though nothing that counts has changed."
    )


def _asked(probing: Document) -> list[tuple[int, str]]:
    said = []
    order = probing.get("order")
    if order is not None:
        first, second = order["always_first"], order["always_second"]
        by_place = (first["value"] or 0) + (second["value"] or 0)
        if by_place > 0.1:
            text = (
                f"The place decides in {by_place:.0%} of pairs (first {first['value']:.0%}, "
                f"second {second['value']:.0%}): in both orders the answer shown there wins."
            )
            said.append((0 if by_place > 0.5 else 1, text))
    if probing["failed"]:
        share = probing["failed"] / probing["verdicts"]
        said.append((2 if share > 0.05 else 3, f"{share:.1%} of its verdicts could not be read."))
    retest = probing.get("retest")
    if retest is not None and retest["differ"]["value"]:
        said.append((3, f"Asked again, it says something else in {retest['differ']['value']:.0%} "
                        "of cases."))  # fmt: skip
    return said


def _pressed(found: Document) -> list[tuple[int, str]]:
    turn = found["turn"]
    said = []
    if turn["overoptimised"]:
        said.append((1, f"Best of n against it pays up to about n = {turn['best']:,}; by n = "
                        f"{found['n_max']:,} the gold score has fallen."))  # fmt: skip
    elif turn["gains_to"] is not None:
        said.append((4, f"Best of n against it still gains gold up to n = {turn['gains_to']:,}, "
                        "and no decline is shown up to "
                        f"n = {found['n_max']:,}."))  # fmt: skip
    else:
        said.append((2, "Picking by it is not shown to gain any gold."))
    said += [
        (
            1,
            f"The null answer “{one_line(null['name'], 60)}” beats {null['win_rate']:.0%} of real "
            "answers.",
        )
        for null in found["nulls"]
        if null["low"] > 0.1
    ]
    return said


def _drifted(found: Document) -> tuple[int, str]:
    shift, share = found["shift"], found["flip_rate"]
    text = (
        f"Between two versions {share:.1%} of its verdicts changed on the same answers, and the "
        f"mean went from {shift['before']:.3g} to {shift['after']:.3g}"
    )
    return (1, f"{text}: it has moved.") if found["moved"] else (4, f"{text}: no shift is shown.")


def untested(study: Study | None, biases: list[Bias], given: Mapping[str, Document]) -> list[str]:
    """What the card does not vouch for."""
    said = []
    if study is None:
        said.append(
            "No gold labels were shown: its error is unknown, and no rate can be corrected."
        )
    if "probing" not in given:
        said.append("No bias probe was put to it.")
    open_ = [b.probe for b in biases if b.verdict == "undetermined"]
    if open_:
        more = f", and {len(open_) - NAMED} more" if len(open_) > NAMED else ""
        said.append(
            f"Too few cases to tell on {len(open_)} probes: {', '.join(open_[:NAMED])}{more}."
        )
    if "pressure" not in given:
        said.append("It was not optimised against: its verdicts on answers made to please it are "
                    "unknown.")  # fmt: skip
    if "drift" not in given:
        said.append("It was not compared with an earlier version of itself.")
    said.append("It says nothing about other models, prompts, kinds of answers or languages.")
    return said
