"""`fhir-server reindex`: rebuilds the search index from the stored resources."""

from __future__ import annotations

import click
from tqdm import tqdm

from fhir_server.cli.surroundings import local_server, read_settings, say
from fhir_server.definitions.registry import load_definitions


@click.command()
@click.argument("types", metavar="[TYPE]...", nargs=-1)
def reindex(types: tuple[str, ...]) -> None:
    """Rebuild the search index of some resource types, of all by default."""
    unknown = [name for name in types if not load_definitions().is_resource_type(name)]
    if unknown:
        raise click.UsageError(f"not a resource type of R4: {', '.join(unknown)}")
    with local_server(read_settings()) as server, tqdm(unit=" resources", disable=None) as bar:
        current = ""

        def progress(resource_type: str, done: int) -> None:
            nonlocal current
            if resource_type != current:
                current = resource_type
                bar.set_description(resource_type)
                bar.reset()
            bar.update(done - bar.n)

        total = server.reindex(types, progress)
    say(f"{total} resources indexed again")
