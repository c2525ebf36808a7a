"""`fhir-server check`: settings, database, indexes and definitions, before they are needed."""

from __future__ import annotations

from pathlib import Path

import click

from fhir_server.cli.surroundings import local_server, read_settings
from fhir_server.settings import FILE_VARIABLE, SETTINGS, Setting, Settings

Row = tuple[str, bool, str]


@click.command()
@click.option("--write-docs", type=click.Path(dir_okay=False, path_type=Path), hidden=True)
def check(write_docs: Path | None) -> None:
    """Check the settings, the database and the definitions; exit code 1 when something is wrong."""
    if write_docs is not None:
        write_docs.write_text(settings_page(), "utf-8")
        return
    settings = read_settings()
    rows: list[Row] = [
        ("settings", True, f"{len(SETTINGS)} read"),
        ("artefacts", *_artefacts(settings)),
    ]
    with local_server(settings) as server:
        rows += server.check()
    width = max(len(name) for name, _, _ in rows)
    for name, is_well, remark in rows:
        click.echo(f"{'ok' if is_well else 'FAILED':<7} {name:<{width}}  {remark}".rstrip())
    if not all(is_well for _, is_well, _ in rows):
        raise SystemExit(1)


def _artefacts(settings: Settings) -> tuple[bool, str]:
    folder = settings.artefacts
    absent = [name for name in ("profiles", "seed_data") if not (folder / name).is_dir()]
    return not absent, f"{folder} lacks {', '.join(absent)}" if absent else str(folder)


def settings_page() -> str:
    """The text of docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Generated from `fhir_server/settings.py` by `make docs`; do not edit.",
        "",
        f"Environment variables, or names in the JSON file that `{FILE_VARIABLE}` points to;",
        "the environment wins. An empty variable counts as absent.",
        "`fhir-server check` reads them and names every problem.",
        "",
        "| name | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else ""
        lines.append(f"| `{setting.name}` | {_type_of(setting)} | {default} | {setting.description} |")
    return "\n".join(lines) + "\n"


def _type_of(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    if setting.minimum is not None:
        return f"{setting.kind.name} {setting.minimum}–{setting.maximum}"
    return setting.kind.name
