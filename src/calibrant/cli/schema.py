"""`calibrant schema`: print the JSON schema of assessment.json, or of a forecast."""

from __future__ import annotations

import click


@click.command("schema")
@click.argument("document", type=click.Choice(("assessment", "forecast")), default="assessment")
def cli(document: str) -> None:
    """Print the JSON schema (draft 2020-12) that every assessment.json follows.

    `calibrant schema forecast` prints that of what `calibrant forecast FILE --json` prints.
    """
    from calibrant._text import dumps

    if document == "forecast":
        from calibrant.scaling.cards.schema import json_schema
    else:
        from calibrant.assurance.assessment import json_schema

    click.echo(dumps(json_schema(), indent=1))
