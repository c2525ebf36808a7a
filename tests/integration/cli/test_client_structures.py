"""`fhir-server client add --organization`: a system of a structure. docs/security/clients.md"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.smart_app import public_jwks, rsa_key


@pytest.mark.parametrize(
    "broken",
    [
        ("--organization", "Practitioner/1", "--scope", "system/*.c"),
        ("--organization", "Organization/a b", "--scope", "system/*.c"),
        (
            "--organization",
            "Organization/1",
            "--scope",
            "patient/*.rs",
            "--redirect-uri",
            "https://a.example/c",
        ),
    ],
)
def test_the_command_takes_structures_for_systems_alone(
    invoke: Any, tmp_path: Path, broken: tuple[str, ...]
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(public_jwks(rsa_key())))
    refused = invoke("client", "add", "x", "--jwks", str(keys), *broken)
    assert refused.exit_code == 1
    assert "--organization" in refused.output
