"""`calibrant contamination scan ITEMS CORPUS…`: which items of a test stand in a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import items_of, items_options, json_option
from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.contamination.corpora.result import CorpusScan
    from calibrant.contamination.matching import ItemFound
    from calibrant.contamination.matching.result import Grams

_SHORT = 20.0
"""Seconds of computing below which a sample says little of the speed."""
_NOTHING = 3.0
"""Seconds of computing below which it says nothing: that is what starting takes."""
_OF_PLAN = ("form", "price", "deadline", "cores")
EXCERPT = 90
"""Characters of an excerpt in a table."""
SHOWN = 12
"""Rows a table shows; --json and --out have all."""


def _widths(_: click.Context, __: click.Parameter, given: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in given.split(",")}))
    except ValueError as e:
        raise click.BadParameter(f"wanted whole numbers, as 13 or 8,13; got {given!r}") from e


@click.command("scan")
@click.argument("items", required=False)
@click.argument("corpus", nargs=-1)
@items_options
@click.option("--n", "n", default="13", show_default=True, callback=_widths, metavar="WORDS",
              help="Words of an n-gram; several with commas.")  # fmt: skip
@click.option("--text-column", metavar="COLUMN",
              help="Text of tables: a column, several with commas, a path with dots, or * for all; "
              "by default it is found.")  # fmt: skip
@click.option("--documents", type=click.Choice(["file", "line", "paragraph"]), default="file",
              show_default=True, help="What is one document of plain text.")  # fmt: skip
@click.option("--force-binary", is_flag=True, help="Scan files that look binary, too.")
@click.option("--workers", type=click.IntRange(1), help="One a core by default.")
@click.option("--engine", type=click.Choice(["process", "ray", "none"]), default="process",
              show_default=True, help="Processes here, a Ray cluster, or neither.")  # fmt: skip
@click.option("--ray-address", metavar="ADDRESS",
              help="Of a Ray cluster, as auto or ray://HOST:10001: scan on it.")  # fmt: skip
@click.option("--state", "--resume-from", type=click.Path(path_type=Path), metavar="DIR",
              help="Keep finished shards there; the same command goes on from them.")  # fmt: skip
@click.option("--out", "--csv", type=click.Path(path_type=Path), metavar="PATH",
              help="Also write a row an item: .csv, .jsonl or .parquet.")  # fmt: skip
@click.option("--plan", metavar="SIZE",
              help="Say what a corpus of this size takes, as 10TB: by the speed on CORPUS, a "
              "sample of it, or without one by --format.")  # fmt: skip
@click.option("--format", "form", metavar="FORMAT",
              help="Of the corpus to plan for.  [default: jsonl.gz]")  # fmt: skip
@click.option("--price-per-core-hour", "price", type=float, help="For --plan.")
@click.option("--deadline", metavar="TIME", help="For --plan, as 6h.")
@click.option("--cores", type=click.IntRange(1), help="For --plan.")
@figure_option
@json_option
def cli(
    items: str | None,
    corpus: tuple[str, ...],
    *,
    plan: str | None,
    form: str | None,
    price: float | None,
    deadline: str | None,
    cores: int | None,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    ray_address: str | None,
    **options: Any,
) -> None:
    """Find which ITEMS stand in CORPUS, word for word or nearly, and how often.

    ITEMS is a .csv, .tsv, .jsonl or .parquet, or an Inspect task (package/task, file.py@task).
    CORPUS are files, folders, globs or URLs: text, .jsonl, .json, .csv, .tsv, .parquet, .warc,
    also as .gz, .zst, .bz2 or .xz.
    """
    from calibrant._text import dumps
    from calibrant.cli.contamination.progress import scanning
    from calibrant.contamination.corpora.run import scan as scan_corpus

    given = dict(zip(_OF_PLAN, (form, price, deadline, cores), strict=True))
    asked = {name: value for name, value in given.items() if value is not None}
    if plan is None and asked:
        raise click.UsageError("--format, --price-per-core-hour, --deadline, --cores: for --plan")
    if plan is not None and items is None:
        if out is not None or figure is not None:
            raise click.UsageError("--out, --figure: of a scan; name ITEMS and CORPUS")
        _print_plan(plan, None, asked, as_json=as_json)
        return
    if items is None or not corpus:
        raise click.UsageError("wanted ITEMS and CORPUS, or --plan SIZE")
    if out is not None:
        _writable(out)
    if ray_address is not None:
        options["engine"] = "ray"
    test = items_of(items, options)
    with scanning() as progress:
        found = scan_corpus(
            test, list(corpus), ray_address=ray_address, progress=progress, **options
        )
    if plan is None and as_json:
        click.echo(dumps(found.to_dict(), indent=1))
    elif plan is None:
        _print(found)
    # After the result is printed: a table that cannot be written must not cost it.
    if out is not None:
        _write(found, out)
    if figure is not None:
        save_figure(found.plot(), figure)
    if plan is not None:
        _print_plan(plan, found, asked, as_json=as_json)


def _print_plan(
    size: str, sample: CorpusScan | None, asked: dict[str, Any], *, as_json: bool
) -> None:
    """What a corpus takes, by the speed on a sample if there is one."""
    from calibrant._text import dumps
    from calibrant.contamination.corpora.plan import plan_scan
    from calibrant.errors import InputError

    if sample is not None:
        seconds = sample.found.seconds
        if seconds < _NOTHING:
            raise InputError(
                f"a sample of {sample.stored / 1e6:,.3g} MB took {seconds:.1f} s of computing, "
                f"mostly starting: no speed to plan by; take one of {_SHORT:.0f} s or more"
            )
        rate = sample.stored / seconds
        asked |= {"rate": rate, "source": f"a sample of {sample.stored / 1e6:,.3g} MB"}
        if seconds < _SHORT:
            click.echo(
                f"the sample took {seconds:.1f} s of computing, starting included: the plan asks "
                "for too much; take a larger one",
                err=True,
            )
    found = plan_scan(size, **asked)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    click.echo(repr(found))
    for note in found.notes:
        click.echo(f"  note: {note}")


def _writable(out: Path) -> None:
    """Refuses at once what could not be written when the work is done."""
    from calibrant.errors import InputError

    if out.suffix.lower() not in (".csv", ".jsonl", ".parquet"):
        raise InputError(f"{out}: wanted a table to end in .csv, .jsonl or .parquet")
    if not out.parent.is_dir():
        raise InputError(f"{out}: cannot be written: there is no folder {out.parent}")


def _write(found: CorpusScan, out: Path) -> None:
    """The table by item; cells that a spreadsheet would take for formulas are quoted."""
    import polars as pl

    from calibrant._text import one_line
    from calibrant.errors import InputError

    def cell(text: str) -> str:
        text = one_line(text, 2000)
        return f"'{text}" if text[:1] in ("=", "+", "-", "@") and out.suffix == ".csv" else text

    rows = [
        {
            "item": cell(i.item), **i.shown.to_dict(),
            "question": i.question.containment, "answer": i.answer.containment,
            "exposures": i.exposures, **i.kinds, "best": i.best,
            "file": cell(i.where[0].file) if i.where else None,
            "document": i.where[0].document if i.where else None,
            "byte": i.where[0].byte if i.where else None,
            "excerpt": cell(i.where[0].excerpt) if i.where else None,
        }
        for i in found.items
    ]  # fmt: skip
    rows += [
        {"item": cell(item), "why_not": why} for item, why in found.found.not_scannable.items()
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    try:
        match out.suffix.lower():
            case ".csv":
                frame.write_csv(out)
            case ".jsonl":
                frame.write_ndjson(out)
            case _:
                frame.write_parquet(out)
    except OSError as e:
        raise InputError(f"{out}: cannot be written ({e.strerror or e})") from e
    click.echo(one_line(f"table written to {out}", 1000), err=True)


def _print(found: CorpusScan) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    click.echo(one_line(repr(found), 1000))
    for note in found.notes:
        click.echo(f"  note: {one_line(note, 400)}")
    there = sorted(
        (i for i in found.items if i.shown.matched or i.exposures),
        key=lambda i: (-i.exposures, -(i.shown.containment or 0)),
    )
    print_table(
        ("  item", f"{found.n}-grams", "found", "question", "answer", "exposures", "how",
         "first place"),
        [_row(i) for i in there[:SHOWN]], words=(6,), prose=True, heading="\nitems found",
    )  # fmt: skip
    if len(there) > SHOWN:
        click.echo(f"  … and {len(there) - SHOWN:,} more items (--json or --out has all)")
    if out := found.found.not_scannable:
        named = [one_line(f"{item} ({why})", 60) for item, why in list(out.items())[:8]]
        more = f", … {len(out) - 8:,} more" if len(out) > 8 else ""
        click.echo(f"\nnot scannable: {', '.join(named)}{more}")
    print_table(
        ("  file", "where", "what"),
        [(f"  {d['file']}", d["where"], d["what"])
         for d in (p.to_dict() for p in found.problems[:SHOWN])],
        words=(1,), prose=True, heading="\nnot scanned as it stands",
    )  # fmt: skip
    if len(found.problems) > SHOWN:
        click.echo(f"  … and {len(found.problems) - SHOWN:,} more (--json has all)")
    click.echo(f"\n{_speed(found)}")


def _row(i: ItemFound) -> tuple[str, ...]:
    from calibrant._text import one_line

    def share(grams: Grams) -> str:
        return "–" if grams.containment is None else f"{grams.containment:.0%}"

    how = ", ".join(f"{count} {kind}" for kind, count in i.kinds.items() if count)
    place = i.where[0] if i.where else None
    first = ""
    if place is not None:
        words = one_line(place.excerpt, EXCERPT + 1)[: EXCERPT + 1]
        cut = f"{words[:EXCERPT]}…" if len(words) > EXCERPT else words
        first = f"{place.file} document {place.document + 1:,}: {cut}"
    return (f"  {i.item}", f"{i.shown.ngrams:,}", share(i.shown), share(i.question),
            share(i.answer), f"{i.exposures:,}", how, first)  # fmt: skip


def _speed(found: CorpusScan) -> str:
    computing = found.found.seconds
    known = computing >= _NOTHING  # before it, starting is all there was
    rate = f"; {found.bytes / 1e6 / computing:,.0f} MB of text a core and second" if known else ""
    kept = f", {found.resumed:,} kept from before" if found.resumed else ""
    who = {"none": "this process", "process": "processes", "ray": "Ray workers"}[found.engine]
    count = "" if found.engine == "none" else f"{found.workers:,} "
    return (
        f"files: {found.files:,}; shards: {found.shards:,}{kept}; {found.elapsed:,.1f} s by "
        f"{count}{who}{rate}"
    )
