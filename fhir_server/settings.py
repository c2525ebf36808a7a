"""Every setting of the server, in one table: environment variable, type, default, description.

https://12factor.net/config
A JSON file named by FHIR_SERVER_SETTINGS may hold the same names; the environment wins.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FILE_VARIABLE = "FHIR_SERVER_SETTINGS"


class SettingsError(Exception):
    """The settings cannot be used; `problems` has one line for each of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one server; built by `load_settings`, described by SETTINGS."""

    mongodb_uri: str = field(repr=False)
    mongodb_database: str
    data: Path
    host: str
    port: int
    base_url: str
    max_body_bytes: int
    max_depth: int
    max_bundle_entries: int
    update_create: bool
    validation: str
    default_count: int
    max_count: int
    request_timeout_ms: int
    database_wait_ms: int
    token_cache_seconds: int
    audit_seal_seconds: int
    authorisation_days: int
    opposition_days: int
    deletion_days: int
    archive_years: int
    issuer_url: str
    code_seconds: int
    access_token_seconds: int
    system_token_seconds: int
    refresh_seconds: int
    launch_seconds: int
    client_requests_per_minute: int
    signing_key: Path | None
    signing_key_days: int
    registration: str
    registration_scopes: str
    private_addresses: bool
    second_factor: str
    identity_providers: Path | None
    trusted_proxies: int
    sample_app: bool
    workers: int
    threads: int
    worker_timeout_seconds: int
    graceful_timeout_seconds: int
    log_level: str
    log_format: str
    page_secret: bytes = field(repr=False)
    artefacts: Path


def _text(value: str) -> str:
    if any(ord(character) < 32 for character in value):
        raise ValueError("must be one line of text")
    return value


def _integer(value: str) -> int:
    if not value.removeprefix("-").isascii() or not value.removeprefix("-").isdigit() or len(value) > 18:
        raise ValueError("must be a whole number")
    return int(value)


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an absolute http or https URL without query or fragment")
    if value.endswith("/") or any(character.isspace() for character in value):
        raise ValueError("must not end with a slash or contain spaces")
    if "@" in parts.netloc or parts.port == 0:
        raise ValueError("must not contain a user name or port 0")
    return value


def _mongodb_uri(value: str) -> str:
    if value and not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must start with mongodb:// or mongodb+srv://")
    return _text(value)


def _database(value: str) -> str:
    # https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
    if not 0 < len(value) < 64 or any(character in '/\\. "$*<>:|?\0' for character in value):
        raise ValueError('must be 1 to 63 characters, none of / \\ . " $ * < > : | ? or space')
    return _text(value)


def _secret(value: str) -> bytes:
    try:
        secret = base64.b64decode(value, validate=True)
    except binascii.Error:
        secret = b"?"
    if len(secret) not in (0, 32):
        raise ValueError("must be 32 bytes in base64")
    return secret


def _key_file(value: str) -> Path | None:
    if not value:
        return None
    path = Path(value)
    if not path.is_file():
        raise ValueError("must be a file that can be read")
    return path.resolve()


def _artefacts(value: str) -> Path:
    folder = Path(value) if value else find_artefacts()
    if not (folder / "capability_statement.json").is_file():
        raise ValueError(f"must be a folder that holds capability_statement.json, {folder} does not")
    return folder.resolve()


@dataclass(frozen=True, slots=True)
class Kind:
    """How the text of a setting is read, and what its JSON form is in a settings file."""

    name: str
    parse: Callable[[str], Any]
    schema: dict[str, str]


TEXT = Kind("text", _text, {"type": "string"})
INTEGER = Kind("integer", _integer, {"type": "integer"})
BOOLEAN = Kind("boolean", _boolean, {"type": "boolean"})
URL = Kind("URL", _url, {"type": "string"})
MONGODB_URI = Kind("MongoDB URI", _mongodb_uri, {"type": "string"})
DATABASE = Kind("database name", _database, {"type": "string"})
FOLDER = Kind("folder", Path, {"type": "string"})
ARTEFACTS = Kind("folder", _artefacts, {"type": "string"})
KEY_FILE = Kind("file", _key_file, {"type": "string"})
SECRET = Kind("32 bytes in base64", _secret, {"type": "string"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table; `default` is text as the environment would give it."""

    name: str
    kind: Kind
    default: str
    description: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Any:
        """Reads the text of the environment; ValueError says what it must be."""
        value = self.kind.parse(text)
        if self.choices and value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"must be at most {self.maximum}")
        return value

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of this setting in a settings file."""
        schema: dict[str, Any] = {**self.kind.schema, "description": self.description}
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        return schema


SETTINGS: tuple[Setting, ...] = (
    Setting("MONGODB_URI", MONGODB_URI, "", "Replica set to use; empty: an embedded mongod under DATA."),
    Setting("MONGODB_DATABASE", DATABASE, "dmp", "Name of the database."),
    Setting("DATA", FOLDER, "data", "Folder of the embedded database."),
    Setting("HOST", TEXT, "127.0.0.1", "Address to listen on."),
    Setting("PORT", INTEGER, "8000", "Port to listen on.", 1, 65535),
    Setting("BASE_URL", URL, "", "Public FHIR base, without final slash; empty: http://HOST:PORT/fhir."),
    Setting("MAX_BODY_BYTES", INTEGER, "52428800", "Largest request body.", 1024, 2**31),
    Setting("MAX_DEPTH", INTEGER, "64", "Deepest nesting of a JSON or XML body.", 16, 200),
    Setting("MAX_BUNDLE_ENTRIES", INTEGER, "10000", "Most entries of a batch or transaction.", 1, 1_000_000),
    Setting("UPDATE_CREATE", BOOLEAN, "true", "System clients may create by update; apps never may."),
    Setting("VALIDATION", TEXT, "full", "What a write is checked for.", choices=("off", "structure", "full")),
    Setting("DEFAULT_COUNT", INTEGER, "20", "Entries of a page when _count is absent.", 1, 10_000),
    Setting("MAX_COUNT", INTEGER, "1000", "Most entries of a page, whatever _count asks.", 1, 10_000),
    Setting("REQUEST_TIMEOUT_MS", INTEGER, "10000", "Longest time of one query in MongoDB.", 100, 3_600_000),
    Setting(
        "DATABASE_WAIT_MS",
        INTEGER,
        "3000",
        "How long a request waits for a database that is away.",
        50,
        60_000,
    ),
    Setting("TOKEN_CACHE_SECONDS", INTEGER, "5", "How long a worker trusts a token it has read.", 0, 300),
    Setting(
        "AUDIT_SEAL_SECONDS",
        INTEGER,
        "60",
        "How often a worker seals the audit trail; 0: only `fhir-server audit seal` does.",
        0,
        86_400,
    ),
    Setting(
        "AUTHORISATION_DAYS",
        INTEGER,
        "365",
        "How long an authorisation holds that does not say until when; 0: until it is withdrawn.",
        minimum=0,
        maximum=36_500,
    ),
    Setting(
        "OPPOSITION_DAYS",
        INTEGER,
        "42",
        "How long the holder may oppose before an announced record is opened.",
        minimum=0,
        maximum=3650,
    ),
    Setting(
        "DELETION_DAYS",
        INTEGER,
        "30",
        "How long after its holder asked for it a record is deleted physically; the law allows three months.",
        minimum=0,
        maximum=90,
    ),
    Setting(
        "ARCHIVE_YEARS",
        INTEGER,
        "10",
        "How long after closing or decease a record is deleted physically.",
        minimum=10,
        maximum=100,
    ),
    Setting(
        "ISSUER_URL",
        URL,
        "",
        "Public URL of the authorization server, with path /auth; empty: beside BASE_URL.",
    ),
    Setting("CODE_SECONDS", INTEGER, "60", "Life of an authorization code.", 1, 600),
    Setting("ACCESS_TOKEN_SECONDS", INTEGER, "900", "Life of an access token of an app.", 5, 3600),
    Setting("SYSTEM_TOKEN_SECONDS", INTEGER, "300", "Life of an access token of a system.", 5, 3600),
    Setting(
        "REFRESH_SECONDS", INTEGER, "7776000", "An app may refresh this long after a consent.", 60, 2**31 - 1
    ),
    Setting("LAUNCH_SECONDS", INTEGER, "300", "Life of the launch value of an EHR.", 5, 3600),
    Setting(
        "CLIENT_REQUESTS_PER_MINUTE",
        INTEGER,
        "300",
        "Requests to /auth/token or /auth/par of a client, to /auth/register of all, from one network.",
        1,
        1_000_000,
    ),
    Setting("SIGNING_KEY", KEY_FILE, "", "RSA key (PEM) that signs id_tokens; empty: kept in MongoDB."),
    Setting("SIGNING_KEY_DAYS", INTEGER, "30", "A key kept in MongoDB is replaced after this.", 1, 3650),
    Setting(
        "REGISTRATION",
        TEXT,
        "approval",
        "Apps that register themselves: refused, or active when an administrator approves, or at once.",
        choices=("closed", "approval", "open"),
    ),
    Setting(
        "REGISTRATION_SCOPES",
        TEXT,
        "openid fhirUser launch launch/patient offline_access patient/*.rs",
        "What an app that registered itself may be granted at most.",
    ),
    Setting("PRIVATE_ADDRESSES", BOOLEAN, "false", "Key sets of clients may be on private networks."),
    Setting(
        "SECOND_FACTOR",
        TEXT,
        "required",
        "Whether a password alone is too little for people; it is for administrators, always.",
        choices=("required", "optional"),
    ),
    Setting("IDENTITY_PROVIDERS", KEY_FILE, "", "JSON file of OpenID providers: docs/security/login.md."),
    Setting("TRUSTED_PROXIES", INTEGER, "0", "Proxies whose X-Forwarded-For is believed.", 0, 10),
    Setting("SAMPLE_APP", BOOLEAN, "false", "Serve the sample SMART app at /sample-app/."),
    Setting("WORKERS", INTEGER, "2", "Processes that answer requests.", 1, 256),
    Setting("THREADS", INTEGER, "8", "Threads of each process.", 1, 256),
    Setting("WORKER_TIMEOUT_SECONDS", INTEGER, "120", "A silent worker is replaced after this.", 5, 3600),
    Setting("GRACEFUL_TIMEOUT_SECONDS", INTEGER, "30", "Time to finish requests at stop.", 1, 3600),
    Setting("LOG_LEVEL", TEXT, "INFO", "Least level to log.", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
    Setting("LOG_FORMAT", TEXT, "json", "Form of the log lines.", choices=("json", "text")),
    Setting("PAGE_SECRET", SECRET, "", "Signs page links; empty: generated, kept in the database."),
    Setting("ARTEFACTS", ARTEFACTS, "", "Folder of profiles/, seed_data/, capability_statement.json."),
)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads the settings file, if any, then the environment; raises SettingsError with every problem."""
    environ = os.environ if environ is None else environ
    texts, problems = _read_file(environ.get(FILE_VARIABLE, ""))
    texts |= {s.name: environ[s.name] for s in SETTINGS if environ.get(s.name)}
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = texts.get(setting.name, setting.default)
        if setting.kind is URL and not text:
            continue
        try:
            values[setting.name.lower()] = setting.parse(text)
        except ValueError as error:
            shown = "" if setting.kind in (SECRET, MONGODB_URI) else f" (it is {text[:80]!r})"
            problems.append(f"{setting.name} {error}{shown}")
    if not problems and values["default_count"] > values["max_count"]:
        problems.append("DEFAULT_COUNT must not exceed MAX_COUNT")
    if urlsplit(values.get("issuer_url", "/auth")).path != "/auth":
        problems.append("ISSUER_URL must be a URL whose path is /auth")
    if problems:
        raise SettingsError(problems)
    values.setdefault("base_url", default_base_url(values["host"], values["port"]))
    values.setdefault("issuer_url", default_issuer_url(values["base_url"]))
    return Settings(**values)


def default_base_url(host: str, port: int) -> str:
    """The FHIR base of a server that nothing stands before."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
    return f"http://{reachable}:{port}/fhir"


def default_issuer_url(base_url: str) -> str:
    """The authorization server beside the FHIR base."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}/auth"


def find_artefacts() -> Path:
    """The artefacts of an installed wheel, else of the checkout around this package."""
    package = Path(__file__).resolve().parent
    installed = package / "_artefacts"
    return installed if installed.is_dir() else package.parent


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the settings file. https://json-schema.org/draft/2020-12"""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {setting.name: setting.schema() for setting in SETTINGS},
    }


def _read_file(path: str) -> tuple[dict[str, str], list[str]]:
    if not path:
        return {}, []
    # Only those who have a settings file pay for the import.
    from jsonschema import Draft202012Validator

    try:
        document = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return {}, [f"{FILE_VARIABLE}: {path} cannot be read as JSON: {error}"]
    errors = sorted(Draft202012Validator(settings_schema()).iter_errors(document), key=lambda e: e.json_path)
    if errors:
        return {}, [f"{path}: {error.json_path}: {error.message}" for error in errors]
    return {name: _as_text(value) for name, value in document.items()}, []


def _as_text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
