"""`calibrant contamination refresh ITEMS`: spoilt items replaced, releases linked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import json_option
from calibrant.cli.contamination.secrets import secret_of, secret_options

if TYPE_CHECKING:
    from calibrant.assurance.releases import LinkedReleases
    from calibrant.contamination.fresh.refresh import Refreshed

_PATH = click.Path(path_type=Path)


@click.command("refresh")
@click.argument("items", type=_PATH)
@click.option("--spoilt", multiple=True, type=_PATH, metavar="FILE",
              help="Ids, a line each (.txt) or a JSON list; or the JSON of a scan.")  # fmt: skip
@click.option("--containment", type=float, default=0.8, show_default=True,
              help="Of a scanned item, from which it is spoilt.")  # fmt: skip
@click.option("--templates", multiple=True, metavar="PATH", help="What the items were made of.")
@secret_options
@click.option("--release", default="2", show_default=True, metavar="NAME",
              help="Of the new release: another name gives other items.")  # fmt: skip
@click.option("--avoid", multiple=True, type=_PATH, metavar="ITEMS.jsonl",
              help="Items not to come again, such as twins and earlier releases.")  # fmt: skip
@click.option("-o", "--out", type=_PATH, metavar="ITEMS.jsonl", help="The new release.")
@click.option("--report", type=_PATH, metavar="FILE.json", help="What was replaced, and why.")
@click.option("--commitment", type=_PATH, metavar="FILE.json",
              help="Also commit to the new release.")  # fmt: skip
@click.option("--link", "linked", nargs=2, metavar="OLD NEW",
              help="Link scores instead: trials of both; ITEMS is then the report.")  # fmt: skip
@click.option("--model", type=click.Choice(["auto", "rasch", "2pl"]), default="rasch",
              show_default=True, help="Of the fits that are linked.")  # fmt: skip
@click.option("--anchors", "least", type=click.IntRange(3), metavar="N",
              help="Below which no link is made; by default a fifth of the items, 10 to 30.",
              )  # fmt: skip
@json_option
def cli(items: Path, **options: Any) -> None:
    """Replace the spoilt items of ITEMS by fresh ones of the same template, size and wording.

    The rest is kept, and links the scores: give subjects the new release, then
    `refresh REPORT.json --link OLD_TRIALS NEW_TRIALS` puts them on the scale of the old one.
    """
    if options["linked"]:
        _link(items, options)
    else:
        _refresh(items, options)


def _refresh(items: Path, options: dict[str, Any]) -> None:
    from calibrant._text import dumps
    from calibrant.contamination.fresh.files import read_fresh, write_items
    from calibrant.contamination.fresh.language.reading import read_templates
    from calibrant.contamination.fresh.refresh import refresh, spoilt_in, write_report
    from calibrant.errors import InputError

    out, report, into = options["out"], options["report"], options["commitment"]
    if not options["spoilt"]:
        raise InputError("refresh: wanted --spoilt FILE, got none")
    if out is None and not options["as_json"]:
        raise InputError("refresh: wanted -o ITEMS.jsonl or --json, got neither")
    if out is not None and out.resolve() == items.resolve():
        raise InputError(f"{out}: the old release is not written over; name another file")
    if into is not None and (out is None or into.exists()):
        raise InputError(
            f"{into}: there is such a file; a commitment is never written over"
            if into.exists() else "refresh: --commitment wants -o ITEMS.jsonl, to which it commits"
        )  # fmt: skip
    old = read_fresh(items)
    why: dict[str, str] = {}
    for path in options["spoilt"]:
        why = {**spoilt_in(path, options["containment"]), **why}
    secret = secret_of(options)
    templates = read_templates([Path(p) for p in options["templates"]]) \
        if options["templates"] else ()  # fmt: skip
    avoid = [item for path in options["avoid"] for item in read_fresh(path)]
    made = refresh(old, why, templates, secret, release=options["release"], avoid=avoid)
    if out is not None:
        write_items(made.items, out)
    if report is not None:
        write_report(made, report)
    if into is not None:
        from calibrant.contamination.fresh.commitment import commit, write_commitment

        write_commitment(commit(out, secret, templates=dict(made.templates)), into)
    if options["as_json"]:
        click.echo(dumps(made.to_dict(), indent=1))
    else:
        _print(made, [p for p in (out, report, into) if p is not None])


def _print(made: Refreshed, written: list[Path]) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    click.echo(repr(made))
    print_table(
        ["spoilt", "replaced by", "why", "stratum"],
        [[r.old, r.new, r.why, r.stratum] for r in made.replaced[:20]],
        names=(0, 1), words=(2, 3),
    )  # fmt: skip
    if len(made.replaced) > 20:
        click.echo(f"and {len(made.replaced) - 20:,} more")
    for note in made.notes:
        click.echo(f"note: {one_line(note, 300)}")
    for path in written:
        click.echo(one_line(f"written: {path}", 400), err=True)


def _link(report: Path, options: dict[str, Any]) -> None:
    from calibrant._text import dumps
    from calibrant.assurance.releases import link_releases
    from calibrant.cli.items.progress import working
    from calibrant.contamination.fresh.commitment import read_json
    from calibrant.contamination.fresh.refresh import FORMAT
    from calibrant.errors import InputError

    kept = read_json(report, FORMAT, "the report of a refresh").get("kept")
    if not isinstance(kept, list) or not all(isinstance(k, str) for k in kept):
        raise InputError(f"{report}: wanted a list of kept items")
    with working("linking"):
        old, new = options["linked"]
        found = link_releases(old, new, kept, model=options["model"], least=options["least"])
    if options["as_json"]:
        click.echo(dumps(found.to_dict(), indent=1))
    else:
        _print_link(found)


def _print_link(found: LinkedReleases) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    click.echo(one_line(repr(found), 700))
    s = found.scores
    rows = [
        [name, f"{s.mean[i]:.3f}", f"{s.ability[i]:.2f}", f"{s.low[i]:.2f} to {s.high[i]:.2f}"]
        for i, name in enumerate(s.subjects[:40])
    ]
    said = f"{s.level:.0%} interval, the link's own error aside"
    print_table(["subject", "new score", "ability on the old scale", said], rows)
    for note in found.link.notes[:10]:
        click.echo(f"note: {one_line(note, 300)}")
