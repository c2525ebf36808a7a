"""`python -m fhir_server.cli`, the same as `fhir-server`: the demonstration starts its server this way."""

from fhir_server.cli import main

main(prog_name="fhir-server")
