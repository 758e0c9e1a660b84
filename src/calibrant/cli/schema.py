"""`calibrant schema`: print the JSON schema of assessment.json."""

from __future__ import annotations

import click


@click.command("schema")
def cli() -> None:
    """Print the JSON schema (draft 2020-12) that every assessment.json follows."""
    from calibrant._text import dumps
    from calibrant.assurance.assessment import json_schema

    click.echo(dumps(json_schema(), indent=1))
