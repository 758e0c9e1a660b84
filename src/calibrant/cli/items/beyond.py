"""`calibrant items FILE --model continuous | m2pl | testlet | facets`: fitted and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from calibrant.quality.manifold import ContinuousFit, FacetsFit, M2plFit, TestletFit
    from calibrant.quality.responses import Responses

    Beyond = ContinuousFit | M2plFit | TestletFit | FacetsFit

MODELS = ("m2pl", "testlet", "facets")
OWN = {"dimensions": "m2pl", "rotation": "m2pl", "cluster": "testlet"}
"""Options that belong to one of the models."""
_NOT_HERE = {"prior": None, "fractional": False, "robust": False}


def fit_beyond(responses: Responses, options: dict[str, Any], *, check: bool) -> Beyond:
    """Fit what the options of `calibrant items fit` say.

    Raises:
        InputError: for an option that does not belong to the model, or as the model's verb.
    """
    from dataclasses import replace

    from calibrant.errors import InputError
    from calibrant.quality import manifold
    from calibrant.quality.manifold.beside import beside

    model = options["model"]
    for name, usual in _NOT_HERE.items():
        if options.get(name, usual) != usual:
            raise InputError(f"--{name}: does not belong to --model {model}")
    found: Beyond
    if model == "m2pl":
        found = manifold.fit_m2pl(
            responses, dimensions=options["dimensions"] or 2,
            rotation=options["rotation"] or "oblimin", seed=options["seed"],
        )  # fmt: skip
    elif model == "testlet":
        found = manifold.fit_testlets(
            responses, cluster=options["cluster"] or "cluster", level=options["level"]
        )
    else:
        found = manifold.fit_facets(responses, level=options["level"])
    return replace(found, beside=beside(responses, check=check, seed=options["seed"]))


def check_own(options: dict[str, Any]) -> None:
    """Refuse options of one model that are given for another.

    Raises:
        InputError: naming the option and its model.
    """
    from calibrant.errors import InputError

    for name, owner in OWN.items():
        if options[name] is not None and options["model"] != owner:
            raise InputError(
                f"--{name}: belongs to --model {owner}, got --model {options['model']}"
            )


def print_beyond(found: Beyond, rows: int) -> None:
    """Tables of items and subjects, and what a reader should know."""
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(one_line(repr(found), 400)), soft_wrap=True)
    plain = found.to_dict()
    for name, columns, entries in _tables(plain):
        _table(console, name, columns, entries, rows)
    for line in plain["adequacy"]["reasons"]:
        console.print(Text(f"note: {one_line(line, 300)}"), soft_wrap=True)


def _tables(plain: dict[str, Any]) -> Iterable[tuple[str, list[str], list[list[Any]]]]:
    model = plain["model"]
    if model == "continuous":
        names = ["discrimination", "difficulty", "precision", "item_rest"]
        order = sorted(plain["items"], key=lambda i: i["discrimination"])
        yield "item", [n.replace("_", " ") for n in names], _rows(order, "item", names)
    elif model == "m2pl":
        heads = [*plain["factors"], "communality"]
        order = sorted(plain["items"], key=lambda i: int(np.argmax(np.abs(i["loadings"]))))
        yield "item", heads, [[i["item"], *i["loadings"], i["communality"]] for i in order]
        yield (
            "factor",
            plain["factors"],
            [[f, *row] for f, row in zip(plain["factors"], plain["correlations"], strict=True)],
        )
    elif model == "testlet":
        names = ["items", "sd", "low", "high", "p"]
        yield "cluster", names, _rows(plain["clusters"], "cluster", names)
    else:
        names = ["effect", "se", "infit", "outfit", "scores"]
        for facet in plain["facets"]:
            order = sorted(facet["levels"], key=lambda v: -v["effect"])
            yield facet["facet"], names, _rows(order, "level", names)
    names = ["ability", "standard_error"]
    order = sorted(plain["subjects"], key=lambda s: -float(np.ravel(s["ability"])[0]))
    yield "subject", [n.replace("_", " ") for n in names], _rows(order, "subject", names)


def _rows(entries: Iterable[dict[str, Any]], first: str, names: list[str]) -> list[list[Any]]:
    return [[e[first], *(e[n] for n in names)] for e in entries]


def _table(
    console: Any, name: str, columns: list[str], entries: list[list[Any]], rows: int
) -> None:
    from rich.text import Text

    print_table(
        [name, *columns],
        [[str(e[0]), *(_number(v) for v in e[1:])] for e in entries[: rows or None]],
    )
    if rows and len(entries) > rows:
        console.print(Text(f"… and {len(entries) - rows:,} more (--rows 0 shows all)"))
    console.print()


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(f"{v:.2f}" for v in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
