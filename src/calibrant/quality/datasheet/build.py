"""How does a datasheet come about? From responses, by what the other verbs find in them."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibrant._text import one_line
from calibrant._version import __version__
from calibrant.errors import InputError
from calibrant.quality.cuts.cut import Cut, read_cut
from calibrant.quality.datasheet import parts
from calibrant.quality.datasheet.about import FIELDS, read_about
from calibrant.quality.datasheet.model import Datasheet, Part
from calibrant.quality.read import read_responses
from calibrant.quality.reliability import Reliability, reliability
from calibrant.quality.responses import Responses


def datasheet(
    source: Any,
    *,
    about: Mapping[str, Any] | str | Path | None = None,
    cuts: Sequence[Cut | str | Path] = (),
    model: str = "auto",
    family: str | None = None,
    family_pattern: str | None = None,
    groups: str | None = None,
    level: float = 0.95,
    seed: int = 0,
    made: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    **reading: Any,
) -> Datasheet:
    """One page that says what a benchmark measures, for whom, how well, and what is wrong with it.

    A part that cannot be computed stands there with the reason.

    Args:
        source: whatever `read_responses` takes.
        about: what the author says: `FIELDS` (or any others), as a mapping or a YAML file.
        cuts: thresholds, or the files that `calibrant items cut` writes.
        model: of the item response model, as for `fit`; "none" for none.
        family, family_pattern: which subjects are relatives, as `quality.families.families`.
        groups: the fact about items that groups what they measure; by default "category".
        level: of intervals.
        seed: of everything random.
        made: when, in ISO form; by default now.
        provenance: the files behind what is given, by "source", "items" and "subjects", where
            responses come as an object.
        reading: more arguments of `read_responses`.

    Raises:
        InputError: for what cannot be read.
    """
    said = read_about(about)
    responses = read_responses(source, **reading)
    chosen = [c if isinstance(c, Cut) else read_cut(Path(c)) for c in cuts]
    kin: dict[str, Any] = {"family": family, "family_pattern": family_pattern}
    found: Reliability | None = None
    why = ""
    try:
        found = reliability(responses, groups=groups, level=level, seed=seed, **kin)
    except InputError as e:
        # A benchmark on which nobody differs still gets its page.
        why = str(e)
    fitted, no_model = _model(responses, model, level, seed)
    checked, no_check = parts.checked(responses, kin, level, seed)
    every = [
        _tried("subjects", "Who was measured?", lambda: parts.subjects(responses, found)),
        _tried("reliability", "Would the scores repeat?",
               lambda: parts.reliability_part(_or(found, why))),
        _tried("targeting", "For which subjects does it measure well?",
               lambda: parts.targeting(_or(found, why), fitted, no_model)),
        _tried("validity", "Is it one thing that is measured?",
               lambda: parts.structure(responses, groups, kin, level, seed)),
        _tried("items", "Which items are bad?", lambda: parts.bad_items(_or(checked, no_check))),
        _tried("bank", "May tests adapt on its items?",
               lambda: parts.bank_part(_or(fitted, no_model))),
        _tried("cuts", "Which thresholds are argued?", lambda: parts.thresholds(chosen, responses)),
        _tried("saturation", "How long will it last?",
               lambda: parts.saturation(_or(checked, no_check))),
        _tried("table", "Item by item, the worst first",
               lambda: parts.item_table(responses, checked, fitted)),
    ]  # fmt: skip
    labels = tuple(
        (FIELDS.get(k, k[:1].upper() + k[1:]), v) for k, v in said.items() if k != "name"
    )
    files = {"source": source, **reading} | dict(provenance or {})
    file = files["source"]
    paths = [file, about, *cuts, *(files.get(n) for n in ("items", "subjects"))]
    name = said.get("name") or (Path(file).stem if isinstance(file, str | Path) else "Benchmark")
    return Datasheet(
        one_line(name, 200), labels, made or datetime.now(UTC).isoformat(timespec="seconds"),
        _findings(every), tuple(every), _sources(paths), _commands(file, about, cuts, files),
        __version__, responses.notes,
    )  # fmt: skip


def _or(found: Any, why: str) -> Any:
    if found is None:
        raise InputError(why)
    return found


def _tried(key: str, title: str, make: Callable[[], Part]) -> Part:
    """A part, or why it is missing: one that cannot be had must not hide the others."""
    try:
        return make()
    except InputError as e:
        return Part(key, title, missing=one_line(str(e), 400))


def _model(responses: Responses, model: str, level: float, seed: int) -> tuple[Any, str]:
    """Calibrated items, or why there are none."""
    if model == "none":
        return None, "no item response model was asked for"
    from calibrant.quality.models.fit import fit

    try:
        return fit(responses, model=model, level=level, seed=seed), ""
    except InputError as e:
        # Said on the page, where the item response model would have stood.
        return None, str(e)


def _findings(every: Sequence[Part]) -> tuple[str, ...]:
    """The first sentence of each part, and what is missing."""
    found = [p.said[0] for p in every if p.missing is None and p.said and p.key != "table"]
    lost = [p.title for p in every if p.missing is not None]
    if lost:
        found.append(f"Not answered here: {' '.join(lost)}")
    return tuple(found)


def _sources(given: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    found = []
    for path in given:
        if isinstance(path, str | Path) and Path(path).is_file():
            with Path(path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append((one_line(Path(path).name, 200), digest))
    return tuple(found)


def _commands(
    source: Any, about: Any, cuts: Sequence[Any], files: Mapping[str, Any]
) -> tuple[str, ...]:
    if not isinstance(source, str | Path):
        return ()
    file = shlex.quote(Path(source).name)
    options = "".join(
        f" --{n} {shlex.quote(Path(files[n]).name)}"
        for n in ("items", "subjects")
        if isinstance(files.get(n), str | Path)
    )
    sheet = f"calibrant items datasheet {file}{options}"
    if isinstance(about, str | Path):
        sheet += f" --about {shlex.quote(Path(about).name)}"
    for cut in cuts:
        if isinstance(cut, str | Path):
            sheet += f" --cut {shlex.quote(Path(cut).name)}"
    verbs = ("reliability", "fit", "check")
    return (sheet, *(f"calibrant items {verb} {file}{options}" for verb in verbs))
