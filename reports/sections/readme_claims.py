"""Show the reference README's claims beside what counting gives, where its networks were run."""

from __future__ import annotations

from collections.abc import Iterator

from reports.findings.readme_claims import SOURCE, claims
from reports.markup.blocks import Block, Heading, Table, Text
from reports.sections.context import Context


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if none of those networks was run."""
    layers = context.experiment.layers
    found = claims(layers) if not layers.empty else []
    if not found:
        return
    yield Heading("What the reference README claimed, and what counting says")
    yield Text(f"Claims of the README ({SOURCE}); counts from the layer tables of the models trained here.")
    yield Table(("claim", "count"), tuple(found), "ll", name="claims")
