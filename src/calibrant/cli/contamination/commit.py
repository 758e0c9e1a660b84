"""`calibrant contamination commit ITEMS`: the hash of a hidden test, published before its use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import json_option
from calibrant.cli.contamination.secrets import secret_options

if TYPE_CHECKING:
    from calibrant.contamination.fresh.stream import Secret


@click.command("commit")
@click.argument("items", type=click.Path(path_type=Path))
@secret_options
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE.json",
              help="Where the commitment, or an opened item, is written.")  # fmt: skip
@click.option("--templates", multiple=True, metavar="PATH",
              help="Also commit to these templates, or verify them.")  # fmt: skip
@click.option("--note", default="", help="Published with it, such as the name of the test.")
@click.option("--verify", type=click.Path(path_type=Path), metavar="COMMITMENT.json",
              help="Compare ITEMS, or an opened item, with this commitment.")  # fmt: skip
@click.option("--part", is_flag=True, help="ITEMS are only some of those committed.")
@click.option("--open", "opened", metavar="ID",
              help="Prove that this item is in the commitment named by --of.")  # fmt: skip
@click.option("--of", type=click.Path(path_type=Path), metavar="COMMITMENT.json")
@json_option
def cli(items: Path, **options: Any) -> None:
    """Commit to the items in ITEMS (.jsonl with ids), verify them later, or open one of them.

    Publish the digest, or the whole commitment, before the test is used. The secret that made the
    items salts the hashes; without one, a key is drawn and written beside the commitment. Keep
    it: verifying and opening take it. Exit code 1 if items are not as committed.
    """
    from calibrant.errors import InputError

    if options["verify"] is not None and options["opened"] is not None:
        raise InputError("commit: wanted one of --verify and --open, got both")
    if (options["opened"] is None) != (options["of"] is None):
        raise InputError("commit: --open ID and --of COMMITMENT.json go together")
    if options["verify"] is not None:
        _verify(items, options)
    elif options["opened"] is not None:
        _open(items, options)
    else:
        _commit(items, options)


def _given(options: dict[str, Any], beside: Path) -> Secret | None:
    """The secret that is named, or the key beside a commitment; None if there is neither."""
    from calibrant.cli.contamination.secrets import secret_of
    from calibrant.contamination.fresh.commitment import key_beside
    from calibrant.contamination.fresh.stream import read_secret

    if options["secret_file"] is not None or options["secret_env"] is not None:
        return secret_of(options)
    return read_secret(key_beside(beside)) if key_beside(beside).exists() else None


def _needed(options: dict[str, Any], beside: Path) -> Secret:
    from calibrant.contamination.fresh.commitment import key_beside
    from calibrant.errors import InputError

    found = _given(options, beside)
    if found is None:
        raise InputError(
            f"commit: wanted the secret it was made with (--secret-file), or {key_beside(beside)}"
        )
    return found


def _commit(items: Path, options: dict[str, Any]) -> None:
    from calibrant._text import dumps, one_line
    from calibrant.contamination.fresh import commitment as c
    from calibrant.contamination.fresh.files import read_rows
    from calibrant.contamination.fresh.language.reading import read_templates
    from calibrant.errors import InputError

    out = options["out"]
    if out is None:
        raise InputError("commit: wanted -o COMMITMENT.json, got none")
    if out.exists():
        raise InputError(f"{out}: there is such a file; a commitment is never written over")
    read_rows(items)  # before a key is made for items that cannot be read
    paths = [Path(t) for t in options["templates"]]
    templates = {t.name: t.hash for t in read_templates(list(paths))} if paths else {}
    secret = _given(options, out)
    if secret is None:
        secret = c.make_key(out)
        click.echo(one_line(f"key written to {c.key_beside(out)}: keep it secret, and keep it",
                            400), err=True)  # fmt: skip
    made = c.commit(items, secret, templates=templates, note=options["note"])
    c.write_commitment(made, out)
    click.echo(one_line(f"commitment written to {out}", 400), err=True)
    if options["as_json"]:
        click.echo(dumps(made.to_dict() | {"limits": c.LIMITS}, indent=1))
        return
    click.echo(f"{len(made.leaves):,} items committed; publish this digest before they are used:")
    click.echo(made.digest)
    click.echo(c.LIMITS)


def _verify(items: Path, options: dict[str, Any]) -> None:
    from calibrant._text import dumps, one_line
    from calibrant.contamination.fresh import commitment as c

    made = c.read_commitment(options["verify"])
    if items.suffix == ".json":
        opening = c.read_json(items, c.OPENING, "an opened item or .jsonl")
        held = c.check_opening(opening, made)
        what = {"holds": held, "item": opening.get("item"), "place": opening.get("place")}
        said = "is" if held else "is NOT"
        click.echo(dumps(what) if options["as_json"]
                   else f"the opened item {said} in the commitment {made.digest}")  # fmt: skip
    else:
        found = c.verify(items, made, _needed(options, options["verify"]), part=options["part"])
        changed = _changed_templates(options, dict(made.templates))
        held = found.holds and not changed
        if options["as_json"]:
            more = {"holds": held, "templates_changed": changed}
            click.echo(dumps(found.to_dict() | more, indent=1))
        else:
            click.echo(repr(found))
            if changed:
                said = ", ".join(one_line(name, 60) for name in changed)
                click.echo(f"templates not as committed: {said}")
    if not held:
        raise click.exceptions.Exit(1)


def _changed_templates(options: dict[str, Any], committed: dict[str, str]) -> list[str]:
    """Names of templates that are not as they were committed; none if none are to be verified."""
    from calibrant.contamination.fresh.language.reading import read_templates

    if not options["templates"]:
        return []
    now = {t.name: t.hash for t in read_templates([Path(t) for t in options["templates"]])}
    return sorted(n for n in {*now, *committed} if now.get(n) != committed.get(n))


def _open(items: Path, options: dict[str, Any]) -> None:
    from calibrant._text import dumps, one_line
    from calibrant.contamination.fresh import commitment as c
    from calibrant.contamination.fresh.files import write_text

    made = c.read_commitment(options["of"])
    opening = c.open_item(items, made, _needed(options, options["of"]), options["opened"])
    if options["out"] is not None:
        write_text(options["out"], dumps(opening, indent=1) + "\n")
        click.echo(one_line(f"opened item written to {options['out']}", 400), err=True)
    if options["as_json"] or options["out"] is None:
        click.echo(dumps(opening, indent=1))
