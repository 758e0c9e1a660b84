"""How does a labelling begin? Answers, a scheme and raters become a store with links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant._text import one_line, storable
from calibrant.errors import InputError
from calibrant.web import need_extra
from calibrant.web.labelling import scheme as schemes
from calibrant.web.labelling.answers import Unit, read_answers, with_gold
from calibrant.web.labelling.assign import Design, design
from calibrant.web.labelling.people import LONGEST_NAME, Link, links
from calibrant.web.labelling.schema import Plan, create, digest
from calibrant.web.labelling.scheme import Scheme
from calibrant.web.labelling.store import Store

if TYPE_CHECKING:
    import polars as pl

    from calibrant.web.labelling.status import Status

ASKS = {
    "categories": "Which label fits this answer?",
    "scale": "How good is this answer?",
    "pairwise": "Which answer is better?",
}


@dataclass(frozen=True, repr=False)
class Labelling:
    """A labelling that is kept in a file.

    Attributes:
        path: the file.
        units: things to label.
        raters: their names; those who join by the open link come later.
        links: ways in: the organiser's, and one for each rater or one for all.
        notes: what a person should know, one sentence each.
    """

    path: Path
    plan: Plan
    units: int
    raters: tuple[str, ...]
    links: tuple[Link, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        who = "whoever has the link" if self.plan.open else f"{len(self.raters)} raters"
        return (
            f"{self.units:,} items, each for {self.plan.per_item} of {who}, in "
            f"{one_line(str(self.path))}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "path": str(self.path), "plan": self.plan.to_dict(), "units": self.units,
            "raters": list(self.raters),
            "links": [{**asdict(k), "path": k.path} for k in self.links],
            "notes": list(self.notes),
        }  # fmt: skip

    def labels(self, *, history: bool = False) -> pl.DataFrame:
        """What raters said so far; see `calibrant.web.labelling.export.LABELS`."""
        from calibrant.web.labelling.export import labels

        with Store(self.path) as store:
            return labels(store, history=history)

    def status(self) -> Status:
        """Progress and agreement so far."""
        from calibrant.web.labelling.status import status

        with Store(self.path) as store:
            return status(store)


def label(
    answers: Any,
    store: str | Path,
    *,
    categories: Sequence[str] | None = None,
    scale: str | None = None,
    pairwise: bool = False,
    ties: bool = True,
    raters: Sequence[str] = (),
    per_item: int = 3,
    rubric: str = "",
    ask: str | None = None,
    title: str = "Labelling",
    gold: Any = None,
    subjects: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    sample: int | None = None,
    at_most: int | None = None,
    seed: int = 0,
) -> Labelling:
    """Prepare the labelling of stored answers by people, or go on with the same one.

    Every item goes to `per_item` raters who share items with others, each in an own random order;
    of two answers, which comes first is balanced within each item and each rater.

    Args:
        answers: a table (item, answer; question, subject, epoch), or logs and run folders.
        store: the SQLite file to make; if it is there, it must be about the same answers.
        categories: labels to choose from; or
        scale: whole numbers to choose from, such as "1-5"; or
        pairwise: which of two subjects' answers to an item is better, with `ties` or without.
        raters: their names; none: whoever has the open link joins under a name of their own.
        rubric: instructions, in Markdown.
        ask: the question that every label answers.
        gold: a table (item, label) of known labels; every rater is given these items too.
        sample: so many items only, drawn at random.
        at_most: items for one rater who joins by the open link.
        seed: of the design, the orders and the sample; the same seed gives the same.

    Raises:
        InputError: if something is wrong with the input; a ValueError.
        DesignError: if there are fewer raters than `per_item`.
        RunFolderError: if the store cannot be written; an OSError.
    """
    need_extra()
    scheme = _scheme(categories, scale, pairwise=pairwise, ties=ties)
    names = _names(raters)
    if per_item < 1:
        raise InputError(f"--per-item: wanted at least 1, got {per_item}")
    found = read_answers(
        answers, pairs=scheme.kind == "pairwise", subjects=subjects, columns=columns,
        sample=sample, seed=seed,
    )  # fmt: skip
    units = tuple(with_gold(found.units, gold, scheme.values)) if gold is not None else found.units
    plan = Plan(
        scheme, one_line(title, 120), one_line(ask or ASKS[scheme.kind], 300), storable(rubric),
        per_item, not names, at_most, seed,
    )  # fmt: skip
    return _made(Path(store), plan, units, names, found.notes)


def _made(
    path: Path, plan: Plan, units: tuple[Unit, ...], names: tuple[str, ...], notes: tuple[str, ...]
) -> Labelling:
    """The labelling in a new store, or that in the same one."""
    if path.exists():
        return _same(path, plan, units)
    made = _design(units, names, plan.per_item, plan.seed) if names else None
    create(path, plan, units, names, made)
    return opened(path, notes=(*notes, *_notes(units, made, len(names), plan.per_item)))


def _scheme(
    categories: Sequence[str] | None, scale: str | None, *, pairwise: bool, ties: bool
) -> Scheme:
    if [categories is not None, scale is not None, pairwise].count(True) != 1:
        raise InputError("labels: wanted exactly one of --categories, --scale and --pairwise")
    if not (ties or pairwise):
        raise InputError("--no-ties goes with --pairwise")
    if categories is not None:
        return schemes.categories(categories)
    return schemes.pairwise(ties=ties) if scale is None else schemes.scale(scale)


def opened(path: Path, notes: tuple[str, ...] = ()) -> Labelling:
    """A labelling that is there already.

    Raises:
        InputError: if the file is none.
    """
    with Store(path) as store, store.read() as con:
        units = con.execute("SELECT COUNT(*) FROM unit").fetchone()[0]
        names = tuple(r[0] for r in con.execute("SELECT name FROM rater ORDER BY id"))
        return Labelling(path, store.plan, units, names, tuple(links(store)), notes)


def _same(path: Path, plan: Plan, units: tuple[Unit, ...]) -> Labelling:
    with Store(path) as store:
        if store.digest != digest(plan, units):
            raise InputError(
                f"{path}: is there already, and about other answers or labels; another -o FILE "
                "begins a new labelling"
            )
    return opened(path)


def _names(raters: Sequence[str]) -> tuple[str, ...]:
    names = tuple(" ".join(n.split()) for n in raters)
    for name in names:
        if not name or name != one_line(name, LONGEST_NAME):
            raise InputError(
                f"--raters: wanted names of 1 to {LONGEST_NAME} plain characters, got "
                f"{one_line(repr(name), 80)}"
            )
    if len({n.casefold() for n in names}) < len(names):
        raise InputError(f"--raters: two have the same name: {one_line(', '.join(names))}")
    return names


def _design(units: tuple[Unit, ...], names: tuple[str, ...], per_item: int, seed: int) -> Design:
    known = frozenset(i for i, u in enumerate(units) if u.gold is not None)
    return design(len(units), len(names), per_item, seed=seed, everybody=known)


def _notes(
    units: tuple[Unit, ...], made: Design | None, raters: int, per_item: int
) -> tuple[str, ...]:
    notes = []
    if all(u.question is None for u in units):
        notes.append("No question is known: raters see answers alone.")
    elif any(u.question is None for u in units):
        count = sum(u.question is None for u in units)
        notes.append(f"{count:,} items have no question: raters see the answer alone.")
    if per_item == 1:
        notes.append("One rater labels each item, so agreement cannot be measured.")
    elif made is not None and made.parts > 1:
        notes.append(
            f"The {raters} raters fall into {made.parts} groups that share no item: there are "
            "too few items to compare them all."
        )
    return tuple(notes)
