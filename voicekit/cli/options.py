"""Options: those that several verbs have."""

import click

overriding = click.option(
    "--set", "overrides", metavar="PATH=VALUE", multiple=True, help="Lay a value over the file: llm.temperature=0.2."
)
