"""The file of upstream providers is refused with what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_server.auth.upstream import ProvidersError, read_providers

RIGHT: dict[str, Any] = {
    "name": "psc",
    "title": "Pro Santé Connect",
    "shape": "pro-sante-connect",
    "issuer": "https://auth.example",
    "discovery": "https://auth.example/.well-known/openid-configuration",
    "client_id": "dmp",
    "client_secret": "secret",
    "scope": "openid scope_all",
    "accepted_acr": ["eidas1"],
}


def write(folder: Path, document: Any) -> Path:
    path = folder / "providers.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def test_a_right_file_is_read_and_hides_its_secrets(tmp_path: Path) -> None:
    (provider,) = read_providers(write(tmp_path, [RIGHT]))
    assert provider.accepted_acr == ("eidas1",)
    assert not provider.two_factors
    assert "secret" not in repr(provider)
    assert read_providers(None) == ()


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[" * 5000,
        {},
        [{}],
        [RIGHT, RIGHT],
        [RIGHT | {"issuer": "http://auth.example"}],
        [RIGHT | {"discovery": "http://localhost.evil.example/"}],
        [RIGHT | {"name": "../psc"}],
        [RIGHT | {"shape": "other"}],
        [RIGHT | {"scope": "profile"}],
        [RIGHT | {"accepted_acr": []}],
        [RIGHT | {"more": True}],
    ],
)
def test_what_is_wrong_is_told_with_the_file(tmp_path: Path, document: Any) -> None:
    path = write(tmp_path, document)
    with pytest.raises(ProvidersError, match=r"providers\.json"):
        read_providers(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProvidersError, match="cannot be read"):
        read_providers(tmp_path / "none.json")
