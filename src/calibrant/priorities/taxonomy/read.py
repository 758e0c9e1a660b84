"""Where is a taxonomy read from? One that calibrant ships, or a YAML, JSON or CSV file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from calibrant._settings import read_settings
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.fields import Id, Strict, keys_of, problem
from calibrant.priorities.taxonomy.changes import OPS, Change, Version
from calibrant.priorities.taxonomy.taxonomy import Area, Category, Taxonomy

_HERE = Path(__file__).parent


Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=2000)]


class _New(Strict):
    id: Id
    name: Name
    description: Text = ""


class _Area(_New):
    also: tuple[Name, ...] = ()


class _Category(_New):
    areas: tuple[_Area, ...] = ()


class _Change(Strict):
    add: _New | None = None
    retire: Id | None = None
    rename: Id | None = None
    move: Id | None = None
    split: Id | None = None
    merge: tuple[Id, ...] | None = None
    into: _New | tuple[_New, ...] | None = None
    to: Id | None = None
    name: Name | None = None
    description: Text = ""
    why: Text = ""


class _Version(Strict):
    version: Id
    previous: Id
    changes: tuple[_Change, ...] = ()


class _File(Strict):
    id: Id | None = None
    version: Id = "1"
    title: Text = ""
    source: Text = ""
    categories: tuple[_Category, ...] = ()
    history: tuple[_Version, ...] = ()
    extends: Name | None = None
    changes: tuple[_Change, ...] = ()


def shipped() -> tuple[str, ...]:
    """Names of the taxonomies that calibrant ships."""
    return tuple(sorted(p.stem for p in _HERE.glob("*.yaml")))


def load_taxonomy(source: str | Path | Mapping[str, Any] | Taxonomy) -> Taxonomy:
    """The taxonomy of a name or a file.

    Args:
        source: a name of `shipped()`; a path of a .yaml, .json or .csv file; the keys of such a
            file; or a taxonomy, which is returned. A CSV has the columns category, id and name;
            category_name and description may be there.

    Raises:
        InputError: naming the file and the key or row that is wrong.
    """
    if isinstance(source, Taxonomy):
        return source
    if isinstance(source, Mapping):
        return parse_taxonomy(source)
    return _load(source, ())


def _load(source: str | Path, within: tuple[Path, ...]) -> Taxonomy:
    """The taxonomy of a name or path, read for those of `within`, which extend it."""
    if str(source) in shipped():
        return _shipped(str(source))
    path = Path(source)
    try:
        there = path.exists() and "\0" not in str(path)
    except OSError:  # no name that a file could have
        there = False
    if not there and (not path.suffix or len(path.name) > 200 or "\0" in str(path)):
        raise InputError(
            f"taxonomy {one_line(str(source), 80)!r}: calibrant ships {', '.join(shipped())}; "
            "wanted one of these or the path of a file"
        )
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return _from_csv(path)
        case ".json":
            return _parsed(_json(path), str(path), path.parent, (*within, path))
        case ".yaml" | ".yml":
            keys, _ = read_settings(path, "a taxonomy", "categories")
            return _parsed(keys, str(path), path.parent, (*within, path))
    if there:
        raise InputError(f"{path}: wanted a taxonomy as .yaml, .json or .csv")
    raise InputError(f"{path}: no such file")


@cache
def _shipped(name: str) -> Taxonomy:
    path = _HERE / f"{name}.yaml"
    keys, _ = read_settings(path, "a taxonomy", "categories")
    return parse_taxonomy(keys, str(path))


def parse_taxonomy(
    keys: Mapping[Any, Any], where: str = "taxonomy", base: Path | None = None
) -> Taxonomy:
    """The taxonomy that these keys say: categories, or a base that they extend and changes.

    Args:
        where: for errors.
        base: folder of paths in `extends`; the current one if missing.

    Raises:
        InputError: naming `where`, the key, what was wanted and what was found.
    """
    return _parsed(keys, where, base or Path(), ())


def _parsed(keys: Mapping[Any, Any], where: str, base: Path, within: tuple[Path, ...]) -> Taxonomy:
    try:
        file = _File.model_validate(dict(keys))
    except ValidationError as e:
        known = keys_of(_File, _Category, _Area, _Version, _Change)
        raise InputError(f"{where}: {problem(e, known)}") from e
    if file.extends is not None:
        return _extended(file, where, base, within)
    if file.changes:
        raise InputError(f"{where}: changes: wanted `extends` beside it, to say what is changed")
    if file.id is None:
        raise InputError(f"{where}: id: missing")
    categories = tuple(
        Category(c.id, c.name.strip(), c.description.strip(), tuple(
            Area(a.id, a.name.strip(), a.description.strip(), c.id, a.also) for a in c.areas
        ))
        for c in file.categories
    )  # fmt: skip
    history = tuple(
        Version(v.version, v.previous, tuple(
            change(c, f"{where}: history, version {v.version}, change {i}")
            for i, c in enumerate(v.changes, 1)
        ))
        for v in file.history
    )  # fmt: skip
    found = Taxonomy(file.id, file.version, categories, file.title, file.source, history)
    _check(found, where)
    return found


def _extended(file: _File, where: str, base: Path, within: tuple[Path, ...]) -> Taxonomy:
    from calibrant.priorities.taxonomy.apply import next_version

    assert file.extends is not None
    if file.categories or file.history:
        raise InputError(f"{where}: wanted `categories` or `extends`, got both")
    if "version" not in file.model_fields_set:
        raise InputError(f"{where}: version: missing; wanted the version that the changes make")
    source = file.extends if file.extends in shipped() else base / file.extends
    if isinstance(source, Path) and source.exists() and any(map(source.samefile, within)):
        raise InputError(f"{where}: extends: {file.extends} extends this file, or is it")
    old = _load(source, within)
    changes = [change(c, f"{where}: change {i}") for i, c in enumerate(file.changes, 1)]
    return next_version(
        old, changes, file.version, id=file.id, title=file.title, source=file.source, where=where
    )


def change(keys: _Change, where: str) -> Change:
    """One change from a file.

    Raises:
        InputError: if it is not exactly one of the known ones, or lacks something.
    """
    ops = [op for op in OPS if getattr(keys, op) is not None]
    if len(ops) != 1:
        raise InputError(
            f"{where}: wanted one of {', '.join(OPS)}, got {' and '.join(ops) or 'none'}"
        )
    op = ops[0]
    wanted = {"split": {"into"}, "merge": {"into"}, "move": {"to"}, "rename": {"name"}}
    allowed = {"add": {"to"}, "split": {"into", "to"}, "merge": {"into", "to"}, "move": {"to"},
               "rename": {"name", "description"}, "retire": set[str]()}[op]  # fmt: skip
    given = {k for k in ("into", "to", "name", "description") if getattr(keys, k)}
    for key in sorted(wanted.get(op, set()) - given):
        raise InputError(f"{where}: {op}: wanted {key!r} too")
    for key in sorted(given - allowed):
        raise InputError(f"{where}: {op}: takes no {key!r}")
    ids = keys.merge if op == "merge" else (getattr(keys, op),) if op != "add" else ()
    new = keys.add if op == "add" else keys.into
    into = () if new is None else new if isinstance(new, tuple) else (new,)
    for key, ok, said in (
        ("merge", op != "merge" or len(set(ids or ())) == len(ids or ()) >= 2, "two areas or more"),
        ("into", op != "split" or len(into) >= 2, "two areas or more"),
        ("into", op != "merge" or len(into) == 1, "one area"),
    ):
        if not ok:
            raise InputError(f"{where}: {op}: {key}: wanted {said}")
    return Change(
        op, tuple(ids or ()), tuple((n.id, n.name.strip(), n.description.strip()) for n in into),
        keys.to or "", (keys.name or "").strip(), keys.description.strip(), keys.why.strip(),
    )  # fmt: skip


def _check(t: Taxonomy, where: str) -> None:
    if not t.areas:
        raise InputError(f"{where}: categories: wanted at least one with areas")
    seen: dict[str, str] = {}
    for c in t.categories:
        for kind, id in (("category", c.id), *(("area", a.id) for a in c.areas)):
            if id in seen:
                raise InputError(f"{where}: id {id!r} is there twice ({seen[id]} and {kind})")
            seen[id] = kind
    for v in t.history:
        for id, became in v.retired.items():
            if id in seen:
                raise InputError(f"{where}: id {id!r} is in use, but was {became}")
        for step in v.changes:
            for id in step.made:
                if id not in seen and id not in t.retired:
                    raise InputError(f"{where}: history: {id!r} was made and is nowhere now")
    steps = [v.version for v in t.history]
    if steps and (steps[-1] != t.version or steps[:-1] != [v.previous for v in t.history[1:]]):
        raise InputError(f"{where}: history: wanted steps that lead to version {t.version!r}")
    if len(set(t.versions)) != len(t.versions):
        raise InputError(f"{where}: history: a version is there twice")


def _from_csv(path: Path) -> Taxonomy:
    from calibrant.records.frames import read_table

    frame = read_table(path)
    missing = [c for c in ("category", "id", "name") if c not in frame.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; wanted category, id and name; "
            "category_name and description may be there"
        )
    categories: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(frame.iter_rows(named=True), 1):
        row = {k: (v or "").strip() for k, v in row.items()}
        for key in ("category", "id", "name"):
            if not row[key]:
                raise InputError(f"{path} row {number}: {key} is empty")
        name = row.get("category_name") or row["category"]
        c = categories.setdefault(
            row["category"], {"id": row["category"], "name": name, "areas": []}
        )
        if row.get("category_name") and c["name"] not in (name, row["category"]):
            raise InputError(
                f"{path} row {number}: category {row['category']!r} was named {c['name']!r} "
                f"before, and is {name!r} here"
            )
        c["areas"].append({k: row[k] for k in ("id", "name", "description") if row.get(k)})
    return parse_taxonomy({"id": _id_of(path), "categories": list(categories.values())}, str(path))


def _id_of(path: Path) -> str:
    kept = "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in path.stem).strip("-")
    return kept[:40] or "taxonomy"


def _json(path: Path) -> dict[Any, Any]:
    from calibrant._settings import text_of

    text = text_of(path, "a taxonomy").removeprefix("\ufeff")
    try:
        data = json.loads(text)
    except ValueError as e:
        raise InputError(f"{path}: not JSON ({one_line(str(e), 120)})") from e
    except RecursionError as e:
        raise InputError(f"{path}: not a taxonomy (too deep)") from e
    if not isinstance(data, dict):
        raise InputError(f"{path}: wanted keys such as 'categories', got {type(data).__name__}")
    return data
