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
    done = 0
    with local_server(read_settings()) as server, tqdm(unit=" resources", disable=None) as bar:

        def progress(count: int) -> None:
            nonlocal done
            done += count
            bar.update(count)

        server.reindex(types, progress)
    say(f"{done} resources indexed again")
