"""The command `fhir-server`: one file for each command. https://click.palletsprojects.com/"""

from __future__ import annotations

import click

from fhir_server.cli.check import check
from fhir_server.cli.definitions import definitions
from fhir_server.cli.demo import demo
from fhir_server.cli.load import load
from fhir_server.cli.reindex import reindex
from fhir_server.cli.run import run
from fhir_server.cli.token import token


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fhir-server-dmp", message="%(version)s")
def main() -> None:
    """The FHIR R4 server of the DMP. Settings come from the environment: see docs/settings.md."""


for command in (demo, run, load, token, reindex, check, definitions):
    main.add_command(command)
