"""`calibrant contamination paraphrase ITEMS CORPUS`: items in other words, with a known rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from calibrant.cli.contamination.options import items_of, items_options, json_option, share
from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.progress import working
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.bench.paraphrase import JudgedParaphrases
    from calibrant.contamination.rewording import Paraphrases


@click.command("paraphrase")
@click.argument("items")
@click.argument("corpus", nargs=-1, required=True)
@items_options
@click.option("--clean", metavar="FILE",
              help="Documents of the same kind as the corpus that hold no item for sure; the "
              "threshold and its rate of false positives come from them.")  # fmt: skip
@click.option("--check", metavar="FILE",
              help="Other clean documents, by which the rate is measured once more.")  # fmt: skip
@click.option("--text-column", metavar="COLUMN",
              help="Text of tables: a column, several with commas, a path with dots, or * for all; "
              "by default it is found.")  # fmt: skip
@click.option("--documents", type=click.Choice(["file", "line", "paragraph"]), default="file",
              show_default=True, help="What is one document of plain text.")  # fmt: skip
@click.option("--force-binary", is_flag=True, help="Read files that look binary, too.")
@click.option("--rate", type=share, default=0.01, show_default=True,
              help="Most false positives per document.")  # fmt: skip
@click.option("--confidence", type=share,
              help="With which the rate holds; else it does on average.")  # fmt: skip
@click.option("--level", type=share, default=0.95, show_default=True, help="Of intervals.")
@click.option("--embedder", metavar="MODULE:NAME",
              help="A function of texts, or what makes an object with encode.")  # fmt: skip
@click.option("--candidates", type=click.IntRange(1), default=4, show_default=True,
              help="Items that each window of a document is compared with.")  # fmt: skip
@click.option("--keep", type=click.IntRange(1), default=10, show_default=True,
              help="Candidates an item in the result.")  # fmt: skip
@click.option("--show", type=click.IntRange(1), default=20, show_default=True,
              help="Items in the table.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--judge", metavar="MODEL",
              help="An Inspect model that is asked whether candidates ask the same.")  # fmt: skip
@click.option("--gold", metavar="FILE",
              help="Pairs (question, passage, gold) that measure the judge.")  # fmt: skip
@click.option("--each", type=click.IntRange(1), default=1, show_default=True,
              help="Candidates an item that the judge is asked about.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where the judge's answers are kept, and a run goes on.")  # fmt: skip
@figure_option
@json_option
def cli(
    items: str,
    corpus: tuple[str, ...],
    *,
    text_column: str | None,
    documents: Literal["file", "line", "paragraph"],
    force_binary: bool,
    judge: str | None,
    gold: str | None,
    each: int,
    out: Path | None,
    show: int,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the ITEMS that stand in CORPUS in other words.

    CORPUS, and what --clean and --check name, are files, folders, globs or URLs: text, .jsonl,
    .json, .csv, .tsv, .parquet, .warc, also compressed.

    A passage is called a paraphrase only above a threshold that clean documents (--clean) give,
    with the rate at which they are above it. Without them there are scores and no verdicts.
    """
    from calibrant._text import dumps
    from calibrant.cli.contamination.progress import scanning
    from calibrant.contamination.rewording import Files, paraphrase
    from calibrant.errors import InputError

    if judge is None and (gold is not None or out is not None):
        raise InputError("--gold, --out: are of a judge; name one with --judge")
    if judge is not None:
        from calibrant.bench.paraphrase.judge import read_gold
        from calibrant.subjects import check

        # What is wrong with them is said before the scan, not after it.
        read_gold(gold)
        check(judge, {})
    read = items_of(items, options)
    reading: dict[str, Any] = {
        "text_column": text_column, "documents": documents, "force_binary": force_binary
    }  # fmt: skip
    for name in ("clean", "check"):
        if options[name] is not None:
            options[name] = Files(options[name], **reading)
    with scanning("paraphrase") as progress:
        found = paraphrase(read, Files(list(corpus), **reading), progress=progress, **options)
    judged = None
    if judge is not None:
        from calibrant.bench.paraphrase import judge_paraphrases

        with working("judge"):
            judged = judge_paraphrases(found, read, judge, gold=gold, each=each, out=out)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        more = {} if judged is None else {"judge": judged.to_dict()}
        click.echo(dumps(found.to_dict() | more, indent=1))
        return
    _print(found, show)
    if judged is not None:
        _print_judged(judged)


def _print_judged(judged: JudgedParaphrases) -> None:
    from calibrant._text import one_line

    click.echo(f"\n{one_line(repr(judged), 600)}")
    for v in judged.same[:100]:
        click.echo(f"  same: {one_line(v.item, 80)} at {one_line(v.where, 200)}")
    for note in judged.notes:
        click.echo(f"note: {one_line(note, 400)}")
    click.echo(f"answers are kept in {one_line(judged.folder, 400)}")


def _print(found: Paraphrases, limit: int) -> None:
    from calibrant._text import one_line

    click.echo(one_line(repr(found), 1000))
    if found.check is not None:
        click.echo(repr(found.check))
    rows = []
    for item, c in found.shown(limit):
        p = found.p_value(c)
        f = c.features
        rows.append((
            item.item, c.kind, f"{c.score:.3f}", "" if p is None else f"{p:.2g}",
            _share(f.numbers), _share(f.words), f"{f.order:.2f}", f"{item.documents:,}",
            f"{c.file} document {c.number + 1:,}", c.excerpt[:300],
        ))  # fmt: skip
    click.echo()
    print_table(
        ("item", "kind", "score", "p", "numbers", "words", "order", "documents", "where",
         "passage"),
        rows, names=(0, 8), words=(1,), prose=True,
    )  # fmt: skip
    if more := sum(bool(i.candidates) for i in found.items) - len(rows):
        click.echo(f"… and {more:,} more items with candidates (--show, --json)")
    for note in found.notes:
        click.echo(f"note: {one_line(note, 400)}")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
