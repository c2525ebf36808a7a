"""Settings: one table, strict reading, all problems at once."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.cli.check import settings_page
from fhir_server.settings import (
    FILE_VARIABLE,
    SETTINGS,
    Settings,
    SettingsError,
    default_base_url,
    find_artefacts,
    load_settings,
    settings_schema,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def artefacts(tmp_path: Path) -> str:
    (tmp_path / "capability_statement.json").write_text("{}")
    return str(tmp_path)


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return caught.value.problems


def test_the_fields_of_settings_are_the_rows_of_the_table() -> None:
    assert {field.name.upper() for field in fields(Settings)} == {setting.name for setting in SETTINGS}


def test_every_setting_is_described_and_starts_with_a_capital() -> None:
    assert all(setting.description.endswith(".") for setting in SETTINGS)


def test_an_empty_environment_gives_the_defaults(artefacts: str) -> None:
    settings = load_settings({"ARTEFACTS": artefacts})
    assert settings.mongodb_uri == ""
    assert settings.mongodb_database == "dmp"
    assert settings.base_url == "http://127.0.0.1:8000/fhir"
    assert settings.max_body_bytes == 50 * 1024 * 1024
    assert settings.update_create is True
    assert settings.page_secret == b""
    assert settings.artefacts == Path(artefacts).resolve()


def test_an_empty_variable_counts_as_absent(artefacts: str) -> None:
    assert load_settings({"ARTEFACTS": artefacts, "PORT": ""}).port == 8000


def test_the_base_url_follows_host_and_port(artefacts: str) -> None:
    assert load_settings({"ARTEFACTS": artefacts, "PORT": "8123"}).base_url == "http://127.0.0.1:8123/fhir"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80/fhir"),  # noqa: S104 - a text
        ("::", "http://[::1]:80/fhir"),
        ("fe80::1", "http://[fe80::1]:80/fhir"),
        ("dmp.example", "http://dmp.example:80/fhir"),
    ],
)
def test_the_default_base_url_can_be_reached(host: str, url: str) -> None:
    assert default_base_url(host, 80) == url


def test_all_problems_are_told_at_once_one_line_each(artefacts: str) -> None:
    found = problems(
        ARTEFACTS=artefacts, PORT="eighty", UPDATE_CREATE="yes", LOG_LEVEL="LOUD", BASE_URL="dmp"
    )
    assert [line.split()[0] for line in found] == ["PORT", "BASE_URL", "UPDATE_CREATE", "LOG_LEVEL"]
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "0", "at least 1"),
        ("PORT", "70000", "at most 65535"),
        ("PORT", "8000.5", "whole number"),
        ("PORT", "٨٠", "whole number"),
        ("PORT", "1" * 5000, "whole number"),
        ("UPDATE_CREATE", "True", "true or false"),
        ("LOG_FORMAT", "xml", "one of json, text"),
        ("BASE_URL", "https://dmp.example/fhir/", "slash"),
        ("BASE_URL", "ftp://dmp.example", "absolute http"),
        ("ISSUER_URL", "https://auth.example", "path is /auth"),
        ("ISSUER_URL", "https://auth.example/auth/", "slash"),
        ("SIGNING_KEY", "/no/such/file", "file that can be read"),
        ("BASE_URL", "https://dmp.example/fhir?x=1", "without query"),
        ("BASE_URL", "https://me@dmp.example/fhir", "user name"),
        ("BASE_URL", "https://dmp.example/f hir", "spaces"),
        ("BASE_URL", "https://dmp.example:port/fhir", "Port"),
        ("MONGODB_URI", "postgres://x", "mongodb://"),
        ("MONGODB_DATABASE", "a.b", "must be 1 to 63"),
        ("HOST", "a\nb", "one line"),
        ("PAGE_SECRET", "c2hvcnQ=", "32 bytes"),
        ("PAGE_SECRET", "not base64!", "32 bytes"),
        ("ARTEFACTS", "/nowhere", "capability_statement.json"),
        ("DEFAULT_COUNT", "2000", "must not exceed MAX_COUNT"),
    ],
)
def test_a_wrong_value_is_refused_with_what_it_must_be(
    artefacts: str, name: str, value: str, words: str
) -> None:
    (line,) = problems(**{"ARTEFACTS": artefacts, name: value})
    assert line.startswith(name)
    assert words in line
    assert len(line) < 250


def test_secrets_are_not_quoted(artefacts: str) -> None:
    (line,) = problems(ARTEFACTS=artefacts, MONGODB_URI="mysql://user:hunter2@db")
    assert "hunter2" not in line
    settings = load_settings({"ARTEFACTS": artefacts, "MONGODB_URI": "mongodb://user:hunter2@db"})
    assert "hunter2" not in repr(settings)


def test_a_page_secret_is_read(artefacts: str) -> None:
    secret = bytes(range(32))
    environ = {"ARTEFACTS": artefacts, "PAGE_SECRET": base64.b64encode(secret).decode()}
    assert load_settings(environ).page_secret == secret


@given(st.sampled_from(SETTINGS), st.text(max_size=40))
def test_any_text_is_read_or_refused_by_value_error(setting: Any, text: str) -> None:
    with suppress(ValueError):
        setting.parse(text)


def test_a_settings_file_is_read_and_the_environment_wins(artefacts: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    content = {"PORT": 9000, "UPDATE_CREATE": False, "ARTEFACTS": artefacts, "LOG_LEVEL": "ERROR"}
    file.write_text(json.dumps(content))
    settings = load_settings({FILE_VARIABLE: str(file), "LOG_LEVEL": "DEBUG"})
    assert (settings.port, settings.update_create, settings.log_level) == (9000, False, "DEBUG")


def test_a_settings_file_is_checked_by_its_schema(artefacts: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"PORT": "9000", "PROT": 1, "LOG_FORMAT": "xml", "THREADS": 0}))
    found = problems(**{FILE_VARIABLE: str(file), "ARTEFACTS": artefacts})
    assert len(found) == 4
    assert any("PROT" in line for line in found)
    assert all(str(file) in line for line in found)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\udcff"])
def test_a_settings_file_that_is_no_json_is_refused(artefacts: str, tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    (line,) = problems(**{FILE_VARIABLE: str(file), "ARTEFACTS": artefacts})
    assert "cannot be read as JSON" in line


def test_an_absent_settings_file_is_told(artefacts: str) -> None:
    (line,) = problems(**{FILE_VARIABLE: "/nowhere.json", "ARTEFACTS": artefacts})
    assert "/nowhere.json" in line


def test_the_schema_knows_every_setting() -> None:
    assert list(settings_schema()["properties"]) == [setting.name for setting in SETTINGS]


def test_the_artefacts_of_a_checkout_are_its_root() -> None:
    assert find_artefacts() == ROOT


def test_the_settings_page_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == settings_page(), "run `make docs`"
