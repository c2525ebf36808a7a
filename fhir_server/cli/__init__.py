"""The command `fhir-server`: one file for each command. https://click.palletsprojects.com/"""

from __future__ import annotations

import click

from fhir_server.cli import (
    account,
    audit,
    check,
    client,
    definitions,
    demo,
    explain,
    habilitations,
    load,
    records,
    reindex,
    run,
    token,
    validate,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fhir-server-dmp", message="%(version)s")
def main() -> None:
    """The FHIR R4 server of the DMP. Settings come from the environment: see docs/settings.md."""


for command in (
    demo.demo,
    run.run,
    load.load,
    token.token,
    account.account,
    client.client,
    audit.audit,
    records.records,
    reindex.reindex,
    explain.explain,
    habilitations.habilitations,
    check.check,
    definitions.definitions,
    validate.validate,
):
    main.add_command(command)
