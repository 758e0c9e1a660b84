"""What does `calibrant contamination test` take? Tables of scores, of items, of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant.cli.contamination.options import items_of

if TYPE_CHECKING:
    from calibrant.contamination.evidence import ExposureTest
    from calibrant.contamination.tokens import TokenScores


def tests_of(sources: Sequence[str], options: dict[str, Any]) -> tuple[ExposureTest, ...]:
    """The tests that a command line asks for.

    Args:
        sources: tables of scores, items or answers.
        options: the command's.

    Raises:
        InputError: for tables or options that do not fit the method.
    """
    from calibrant.errors import InputError

    method = options["method"]
    if method.startswith("correct"):
        return (_answers(sources, options),)
    if method == "order":
        return (_order(sources, options),)
    from calibrant.contamination.exposure.conclude import check_reason
    from calibrant.contamination.exposure.expose import expose

    check_reason(method, options["reason"])
    known = _known(options, sources)
    scores = _scores(sources, options)
    more = {name: options[name] for name in ("draws", "seed")}
    if options["statistic"] != "rank":
        if method not in ("split", "twin", "paraphrase"):
            raise InputError(f"statistic: {method} has none to choose")
        more["statistic"] = options["statistic"]
    return expose(
        scores, signals=options["signals"] or ("loss",),
        options={"min-k": {"k": options["k"]}, "min-k++": {"k": options["k"]},
                 "tail-top1": {"last": options["last"]}},
        **known, **more, **{n: options[n] for n in (
            "method", "reason", "subject", "form", "against", "skip", "lost", "alpha")},
    )  # fmt: skip


def _scores(sources: Sequence[str], options: dict[str, Any]) -> list[TokenScores]:
    """Scores from files, or of items that are scored now."""
    from calibrant.contamination.tokens import read_scores
    from calibrant.errors import InputError
    from calibrant.records.frames import read_table

    if all("logprob" in read_table(Path(source)).columns for source in sources):
        return [one for source in sources for one in read_scores(source)]
    if options["group"] is None or len(sources) > 1 or options["subject"] is None:
        raise InputError(
            f"{sources[0]}: no table of token scores; wanted those of `calibrant contamination "
            "score`, or one table of items with --group and --subject, to be scored now"
        )
    from calibrant.subjects import logprobs
    from calibrant.subjects.logprobs.kept import text_of

    items = items_of(sources[0], dict(options))
    texts = [text_of(i, options["part"]).text for i in items]
    scorer = logprobs.scorer_of(options["subject"])
    found = scorer.score(texts, items=[i.id for i in items])
    options["subject"] = found.subject
    return [found]


def _known(options: dict[str, Any], sources: Sequence[str]) -> dict[str, Any]:
    """What is known of items: published or not, their clusters and strata, by id."""
    from calibrant.errors import InputError

    columns = {"published": options["group"], "clusters": options["cluster_column"],
               "strata": options["stratum"]}  # fmt: skip
    wanted = {name: column for name, column in columns.items() if column is not None}
    if not wanted:
        if options["table"] is not None:
            raise InputError("--items: wanted --group, --cluster-column or --stratum with it")
        return {}
    source = options["table"] or sources[0]
    ids, found = _table(source, options["id_column"], wanted)
    known: dict[str, Any] = {}
    for name in wanted:
        known[name] = {}
        for item, value in zip(ids, found[name], strict=True):
            new = _yes(value, source) if name == "published" else str(value)
            if known[name].setdefault(item, new) != new:
                raise InputError(f"{source}: item {item!r} has two values of {wanted[name]!r}")
    return known


def _table(
    source: str, id_column: str | None, wanted: Mapping[str, str]
) -> tuple[list[str], dict[str, list[Any]]]:
    from calibrant.contamination.items import NAMES
    from calibrant.errors import InputError
    from calibrant.records.frames import read_table

    frame = read_table(Path(source))
    there = ", ".join(frame.columns)
    name = id_column or next((n for n in NAMES["id"] if n in frame.columns), None)
    for column in (*([name] if name else []), *wanted.values()):
        if column not in frame.columns:
            raise InputError(f"{source}: no column {column!r}; there are {there}")
    ids = [str(i) for i in range(1, len(frame) + 1)] if name is None else frame[name].to_list()
    return [str(i) for i in ids], {key: frame[c].to_list() for key, c in wanted.items()}


_WORDS = {
    "true": True, "1": True, "yes": True, "published": True, "seen": True,
    "false": False, "0": False, "no": False, "held-out": False, "unpublished": False,
    "unseen": False, "held out": False, "1.0": True, "0.0": False,
}  # fmt: skip


def _yes(value: Any, where: str) -> bool:
    from calibrant.errors import InputError

    found = _WORDS.get(str(value).strip().lower())
    if found is None:
        raise InputError(
            f"{where}: wanted true or false, 1 or 0, published or held-out; got {value!r}"
        )
    return found


def _order(sources: Sequence[str], options: dict[str, Any]) -> ExposureTest:
    from calibrant.cli.items.progress import working
    from calibrant.contamination.exposure import order_scores, order_test
    from calibrant.contamination.exposure.conclude import check_reason
    from calibrant.errors import InputError
    from calibrant.subjects import logprobs
    from calibrant.subjects.logprobs.kept import text_of

    check_reason("order", options["reason"])
    if len(sources) > 1 or options["subject"] is None:
        raise InputError("order: wanted one table of items in their published order, and --subject")
    items = items_of(sources[0], dict(options))
    scorer = logprobs.scorer_of(options["subject"])
    with working("order"):
        table = order_scores(
            scorer, [text_of(i, options["part"]).text for i in items],
            between=options["between"].replace("\\n", "\n"), shards=options["shards"],
            permutations=options["permutations"], seed=options["seed"],
        )  # fmt: skip
    return order_test(table, reason=options["reason"], items=len(items), subject=scorer.name,
                      alpha=options["alpha"])  # fmt: skip


def _answers(sources: Sequence[str], options: dict[str, Any]) -> ExposureTest:
    """Tests of answers: a row an item (with --group), or a row a form of an item."""
    from calibrant.contamination.exposure import correct_test, correct_twin_test
    from calibrant.errors import InputError

    method, source = options["method"], sources[0]
    if options["correct"] is None or len(sources) > 1:
        raise InputError(f"{method}: wanted one table of answers, and --correct COLUMN")
    common = {"reason": options["reason"], "alpha": options["alpha"],
              "subject": options["subject"] or "subject"}  # fmt: skip
    wanted = {"right": options["correct"], "group": options["group"] or "form"}
    if options["cluster_column"] is not None:
        wanted["cluster"] = options["cluster_column"]
    ids, found = _table(source, options["id_column"], wanted)
    right = [_yes(value, f"{source}: {options['correct']}") for value in found["right"]]
    if method == "correct":
        if "cluster" in wanted:
            raise InputError("correct: takes no clusters: use correct-twin, or split on scores")
        texts = _texts(source)
        return correct_test(right, [_yes(v, source) for v in found["group"]], texts=texts, **common)
    against = options["against"] or "twin"
    sides: dict[str, dict[str, bool]] = {options["form"]: {}, against: {}}
    cluster = dict(zip(ids, found.get("cluster", ids), strict=True))
    for item, form, answer in zip(ids, found["group"], right, strict=True):
        if item in (side := sides.get(str(form), {})):
            raise InputError(f"{source}: item {item!r} has two answers of form {form!r}")
        side[item] = answer
    both = [item for item in sides[options["form"]] if item in sides[against]]
    if not both:
        raise InputError(f"{source}: no item has forms {options['form']!r} and {against!r}")
    left, other = ([sides[form][item] for item in both] for form in (options["form"], against))
    clusters = [cluster[item] for item in both] if "cluster" in wanted else None
    return correct_twin_test(left, other, clusters=clusters, seed=options["seed"], **common)


def _texts(source: str) -> list[str] | None:
    """What the items say, if the table tells."""
    from calibrant.contamination.items import NAMES
    from calibrant.records.frames import read_table

    frame = read_table(Path(source))
    name = next((n for n in NAMES["question"] if n in frame.columns), None)
    return None if name is None else [str(text or "") for text in frame[name].to_list()]
