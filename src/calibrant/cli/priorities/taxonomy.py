"""`calibrant priorities taxonomy`: which areas are there, and what became of them?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.priorities.taxonomy import Taxonomy

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)


class _ShowFirst(click.Group):
    """`taxonomy FILE` means `taxonomy show FILE`, and `taxonomy` alone the one that is shipped."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not any(a in self.commands or a in ("--help", "-h") for a in args):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("taxonomy", cls=_ShowFirst)
def cli() -> None:
    """Show, check and compare taxonomies of research areas.

    TAXONOMY is one that calibrant ships (ai-safety-2025), or a .yaml, .json or .csv file.
    """


@cli.command("show")
@click.argument("taxonomy", default="ai-safety-2025")
@click.option("--descriptions", is_flag=True, help="Print what each area is about.")
@json_option
def show(taxonomy: str, *, descriptions: bool, as_json: bool) -> None:
    """Show a taxonomy as a tree."""
    from calibrant._text import dumps
    from calibrant.priorities.taxonomy import load_taxonomy

    found = load_taxonomy(taxonomy)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _tree(found, descriptions)


def _tree(found: Taxonomy, descriptions: bool) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    from calibrant._text import one_line

    def leaf(id: str, name: str, description: str) -> Text:
        text = Text.assemble((id, "bold"), "  ", one_line(name, 200))
        if descriptions and description:
            text.append(f": {one_line(description, 2000)}", style="dim")
        return text

    tree = Tree(Text(repr(found)))
    for c in found.categories:
        branch = tree.add(leaf(c.id, c.name, c.description))
        for a in c.areas:
            branch.add(leaf(a.id, a.name, a.description))
    console = Console()
    console.print(tree)
    if found.source:
        console.print(Text(f"after {one_line(found.source, 500)}", style="dim"), soft_wrap=True)
    for step in found.history:
        console.print(Text(f"version {step.version}, from {step.previous}:"))
        for change in step.changes:
            console.print(Text(f"  {one_line(str(change), 500)}"), soft_wrap=True)


@cli.command("check")
@click.argument("file")
@json_option
def check(file: str, *, as_json: bool) -> None:
    """Check a taxonomy's file: keys, ids, history."""
    from calibrant._text import dumps, one_line
    from calibrant.priorities.taxonomy import load_taxonomy

    found = load_taxonomy(file)
    bare = [a.id for a in found.areas if not a.description]
    empty = [c.id for c in found.categories if not c.areas]
    notes = []
    if bare:
        more = f" and {len(bare) - 8} more" * (len(bare) > 8)
        notes.append(f"without a description: {', '.join(bare[:8])}{more}")
    if empty:
        notes.append(f"categories without areas: {', '.join(empty)}")
    if as_json:
        document = {
            "id": found.id, "version": found.version, "categories": len(found.categories),
            "areas": len(found.areas), "versions": list(found.versions), "notes": notes,
        }  # fmt: skip
        click.echo(dumps(document, indent=1))
        return
    click.echo(f"{one_line(file, 200)}: {found!r}")
    for note in notes:
        click.echo(f"  note: {one_line(note, 300)}")


@cli.command("diff")
@click.argument("old")
@click.argument("new")
@json_option
def diff(old: str, new: str, *, as_json: bool) -> None:
    """Say what changed from OLD to NEW, and whether it is known what became of what."""
    from calibrant._text import dumps, one_line
    from calibrant.priorities.taxonomy.diff import diff as compare

    found = compare(old, new)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    click.echo(one_line(repr(found), 300))
    for line in found.changes:
        click.echo(f"  {one_line(line, 500)}")
    if found.changes and not found.known:
        click.echo("  note: from the ids alone; ratings can only be carried along a history")


@cli.command("carry")
@click.argument("ratings")
@click.argument("taxonomy")
@click.option("--since", default="1", show_default=True, help="The version that was rated.")
@click.option("--differing", type=click.Choice(["mean", "drop"]), default="mean",
              show_default=True,
              help="Of a respondent who rated the parts of a merged area differently.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A .parquet or .csv file.")
@json_option
def carry(
    ratings: str, taxonomy: str, since: str, differing: str, out: Path | None, *, as_json: bool
) -> None:
    """Carry RATINGS of an earlier version into TAXONOMY; split areas are not carried, and said."""
    from calibrant._text import dumps, one_line
    from calibrant.priorities.taxonomy import load_taxonomy
    from calibrant.priorities.taxonomy.carry import carry as carried
    from calibrant.records.cells import write

    found = carried(ratings, load_taxonomy(taxonomy), since, differing=differing)  # type: ignore[arg-type]
    if out is not None:
        write(found.ratings.frame, out)
    if as_json:
        click.echo(dumps(found.to_dict() | {"out": out and str(out)}, indent=1))
        return
    click.echo(one_line(repr(found), 300))
    for note in found.notes:
        click.echo(f"  {one_line(note, 400)}")
    if out is not None:
        click.echo(f"{out} written", err=True)
