"""`calibrant contamination generate`: items from public templates and a secret; their twins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import json_option
from calibrant.cli.contamination.secrets import secret_of, secret_options
from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.contamination.fresh.generate import Generated
    from calibrant.contamination.fresh.language.space import Space
    from calibrant.contamination.fresh.language.template import Template
    from calibrant.contamination.fresh.stream import Secret


@click.command("generate")
@click.argument("templates", nargs=-1)
@secret_options
@click.option("--new-secret", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw a secret, write it to this new file, and do nothing else.")  # fmt: skip
@click.option("--count", type=click.IntRange(1), default=100, show_default=True,
              help="Items in all, shared out evenly among templates.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="ITEMS.jsonl")
@click.option("--twins", type=click.Path(path_type=Path), metavar="TWINS.jsonl",
              help="Also make a secret twin of each item, and write them here.")  # fmt: skip
@click.option("--check-twins", "check", metavar="TRIALS",
              help="Only test whether --twins are as hard as their items, by trials of reference "
              "subjects on both.")  # fmt: skip
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05,
              show_default=True, help="Of that test: the largest difference that does not matter.",
              )  # fmt: skip
@click.option("--canary", is_flag=True, help="Put a canary string into every item.")
@click.option("--mark", "marked", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Also write a copy of this .jsonl, .csv, .html or .md with the canary in it, as "
              "NAME.canary.EXT; may be repeated.")  # fmt: skip
@click.option("--generator", "generators", multiple=True, metavar="NAME",
              help="Also of this generator of reasoning-gym; may be repeated.")  # fmt: skip
@click.option("--check", "made_file", type=click.Path(path_type=Path), metavar="ITEMS.jsonl",
              help="Only make these items again, to see that the secret makes them and that none "
              "was left out.")  # fmt: skip
@click.option("--space", "only_space", is_flag=True,
              help="Only count how many distinct items each template can give.")  # fmt: skip
@figure_option
@json_option
def cli(
    templates: tuple[str, ...],
    *,
    new_secret: Path | None,
    count: int,
    out: Path | None,
    twins: Path | None,
    check: str | None,
    margin: float,
    canary: bool,
    marked: tuple[Path, ...],
    figure: Path | None,
    generators: tuple[str, ...],
    made_file: Path | None,
    only_space: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make items that cannot have been memorised, from TEMPLATES (YAML files or folders).

    The same templates and secret give the same items, on any machine and in any order; without
    the secret nobody can make them. Twins are drawn as their items are, and a coin from the secret
    says which of a pair is published: compare scores on both for a valid test of exposure.
    """
    from calibrant._text import dumps, one_line
    from calibrant.contamination.fresh import stream
    from calibrant.contamination.fresh.files import write_text
    from calibrant.contamination.fresh.language.reading import read_templates
    from calibrant.contamination.fresh.language.space import space
    from calibrant.errors import InputError

    if new_secret is not None:
        made = stream.new_secret(new_secret)
        click.echo(f"secret written to {one_line(str(new_secret), 300)}", err=True)
        said = {"secret": made.commitment}
        click.echo(dumps(said) if as_json else f"its commitment is {made.commitment}")
        return
    if check is not None:
        _check(check, twins, margin, figure, as_json)
        return
    if figure is not None:
        raise InputError("generate: --figure goes with --check-twins")
    if not templates and not generators:
        raise InputError("generate: wanted at least one file of templates, got none")
    if generators and (twins is not None or only_space):
        raise InputError("generate: items of --generator have no twins, and cannot be counted")
    found = read_templates([Path(t) for t in templates]) if templates else ()
    if only_space:
        _print_spaces([space(t) for t in found], as_json)
        return
    if made_file is not None:
        _check_made(made_file, found, secret_of(options), as_json)
        return
    if out is None and not as_json:
        raise InputError("generate: wanted -o ITEMS.jsonl, or --json, or --space; got none of them")
    if twins is not None and out is not None and twins.resolve() == out.resolve():
        raise InputError(f"{twins}: items and twins must not stand in one file")
    if marked and not canary:
        raise InputError("generate: --mark goes with --canary")
    secret = secret_of(options)
    copies = _marked(marked, secret)
    made_items = _made(found, generators, secret, count, twins is not None, canary)
    _write(made_items, out, twins)
    for path, text in copies.items():
        write_text(path, text)
        click.echo(one_line(f"marked: {path}", 400), err=True)
    if as_json:
        click.echo(dumps(made_items.to_dict(), indent=1))
    else:
        _print(made_items, out, twins)


def _made(
    templates: tuple[Template, ...], generators: tuple[str, ...], secret: Secret, count: int,
    twins: bool, canary: bool,
) -> Generated:  # fmt: skip
    """Items of templates, of generators, or of both, each source with its even share."""
    from calibrant.contamination.fresh.generate import generate
    from calibrant.contamination.fresh.gym import generate_from

    if not generators:
        return generate(templates, secret, count, twins=twins, canary=canary)
    theirs = count * len(generators) // (len(templates) + len(generators))
    if not templates or theirs == count:
        return generate_from(generators, secret, count, canary=canary)
    one = generate(templates, secret, count - theirs, canary=canary)
    if not theirs:
        return one
    two = generate_from(generators, secret, theirs, canary=canary)
    return replace(one, items=one.items + two.items, templates={**one.templates, **two.templates})


def _check_made(
    items: Path, templates: tuple[Template, ...], secret: Secret, as_json: bool
) -> None:
    from dataclasses import asdict

    from calibrant._text import dumps
    from calibrant.contamination.fresh.check import check_made
    from calibrant.contamination.fresh.files import read_fresh

    found = check_made(read_fresh(items), templates, secret)
    click.echo(dumps({"holds": found.holds} | asdict(found)) if as_json else repr(found))
    if not found.holds:
        raise click.exceptions.Exit(1)


def _check(
    trials: str, twins: Path | None, margin: float, figure: Path | None, as_json: bool
) -> None:
    from calibrant._text import dumps, one_line
    from calibrant.cli.items.tables import print_table
    from calibrant.contamination.fresh.twins import check_twins
    from calibrant.errors import InputError

    if twins is None:
        raise InputError("generate --check-twins: wanted --twins TWINS.jsonl, got none")
    found = check_twins(trials, twins, margin)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    click.echo(repr(found))
    click.echo(f"chance to show it with so many pairs, if they are alike: {found.power:.0%}")
    print_table(
        ["reference subject", "pairs", "published", "twins", "difference", "interval"],
        [[s.subject, f"{s.pairs:,}", f"{s.published:.3f}", f"{s.twins:.3f}",
          f"{s.difference:+.3f}", f"{s.low:+.3f} to {s.high:+.3f}"] for s in found.subjects],
    )  # fmt: skip
    for note in found.notes:
        click.echo(f"note: {one_line(note, 300)}")


def _marked(paths: tuple[Path, ...], secret: Secret) -> dict[Path, str]:
    """Copies of files with the secret's canary in them, by where they are to stand."""
    from calibrant.contamination.fresh.canary import embed, new_canary
    from calibrant.errors import InputError

    found, mark = {}, new_canary(secret)
    for path in paths:
        kind = path.suffix.lower().removeprefix(".")
        if kind not in ("jsonl", "csv", "html", "md"):
            raise InputError(f"{path}: --mark: wanted .jsonl, .csv, .html or .md")
        try:
            text = embed(path.read_text(encoding="utf-8"), mark, kind)
        except UnicodeDecodeError as e:
            raise InputError(f"{path}: not UTF-8 (byte {e.start})") from e
        except OSError as e:
            raise InputError(f"{path}: cannot be read ({e.strerror})") from e
        except InputError as e:
            raise InputError(f"{path}: {e}") from e
        found[path.with_name(f"{path.stem}.canary{path.suffix}")] = text
    return found


_LATE = "; a set that was made without --twins cannot be given them later"


def _write(made: Generated, out: Path | None, twins: Path | None) -> None:
    from calibrant.contamination.fresh.files import check_free, lines_of, write_items
    from calibrant.errors import InputError

    of = [{"twin_of": item.id} for item in made.items]
    if twins is not None:
        check_free(twins, lines_of(made.twins, of))
    if out is not None:
        try:
            write_items(made.items, out)
        except InputError as e:
            raise InputError(f"{e}{_LATE if made.twins and out.is_file() else ''}") from e
    if twins is not None:
        write_items(made.twins, twins, of)


def _print(made: Generated, out: Path | None, twins: Path | None) -> None:
    from collections import Counter

    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    click.echo(repr(made))
    count = Counter(item.cluster for item in made.items)
    forms = {item.cluster: item.form for item in made.items}
    print_table(
        ["template", "items", "answer", "hash"],
        [[n, f"{count[n]:,}", forms.get(n, ""), h[:16]] for n, h in made.templates.items()],
        words=(2, 3),
    )
    for what, path in (("items", out), ("secret twins", twins)):
        if path is not None:
            click.echo(one_line(f"{what} written to {path}", 400), err=True)
    if made.canary is not None:
        click.echo(f"canary: {made.canary.value}")
    click.echo(f"commitment of the secret: {made.secret}")
    if made.twins:
        click.echo(
            "twins are unchecked: give reference subjects both sets, then "
            "`calibrant contamination generate --twins TWINS.jsonl --check-twins TRIALS`"
        )


def _print_spaces(found: list[Space], as_json: bool) -> None:
    from calibrant._text import dumps
    from calibrant.cli.items.tables import print_table

    if as_json:
        click.echo(dumps({"templates": [s.to_dict() for s in found]}, indent=1))
        return

    def number(n: int | None) -> str:
        return "not counted" if n is None else f"{n:,}"

    print_table(
        ["template", "assignments", "distinct items", "with a possible twin", "strata"],
        [[s.template, number(s.assignments), number(s.distinct), number(s.paired),
          number(s.strata)] for s in found],
    )  # fmt: skip
