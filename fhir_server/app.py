"""The composition root: settings → database → definitions → interactions → URLs; it alone knows everybody."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from fhir_server.audit.activity import NO_ACTIVITY, Activity
from fhir_server.audit.record import AuditRecorder
from fhir_server.audit.sealing import Sealing
from fhir_server.auth.bearer import Authenticator
from fhir_server.auth.discovery import build_metadata, oauth_uris
from fhir_server.auth.stores import open_stores
from fhir_server.definitions.artefacts import Artefacts
from fhir_server.definitions.declared import read_declared
from fhir_server.definitions.registry import load_definitions
from fhir_server.definitions.sources import installed_packages, with_sources
from fhir_server.errors import FhirError, Invalid
from fhir_server.interactions.answer import answer
from fhir_server.interactions.messages import Exchange, FhirRequest, FhirResponse, Limits
from fhir_server.interactions.paging import PageSeal
from fhir_server.jobs.record_purge import RecordPurge, Retention
from fhir_server.jobs.record_timers import RecordTimers
from fhir_server.jobs.reindex import reindex
from fhir_server.operations import OPERATIONS
from fhir_server.policy.context import AccessContext
from fhir_server.policy.current_habilitations import CurrentHabilitations
from fhir_server.policy.database import Database
from fhir_server.policy.decide import is_person
from fhir_server.policy.guard import GuardedStore
from fhir_server.policy.posted import PostedDefinitions
from fhir_server.policy.record_policy import FOREVER
from fhir_server.policy.scopes import Scopes, parse_scopes
from fhir_server.search.parse import parse_query
from fhir_server.search.primary_date import DAY_MS
from fhir_server.settings import Settings, load_settings
from fhir_server.storage.accounts import Accounts
from fhir_server.storage.audit import AuditTrail
from fhir_server.storage.deadlines import Deadlines
from fhir_server.storage.documents import Documents
from fhir_server.storage.habilitations import LoadedHabilitations
from fhir_server.storage.loads import Note
from fhir_server.storage.mongo import Mongo
from fhir_server.storage.oauth.access_tokens import TokenFacts
from fhir_server.storage.outbox import Outbox
from fhir_server.storage.purges import Purges
from fhir_server.storage.record_policies import RecordPolicies
from fhir_server.storage.resources import Resources
from fhir_server.storage.revocations import Revocations
from fhir_server.storage.seals import Seals
from fhir_server.storage.sessions import Sessions
from fhir_server.storage.state import State
from fhir_server.storage.transactions import Transactions

if TYPE_CHECKING:
    from flask import Flask

_SEARCH_WARM_UP = ("Patient", "Observation", "DocumentReference", "AuditEvent")


class Server:
    """One server without its HTTP edge; connects on first use, works across fork."""

    def __init__(self, settings: Settings) -> None:
        # Flask comes with it, and who only imports this module needs none.
        from fhir_server.auth.session import Logins

        self.settings = settings
        self.definitions = load_definitions()
        self.metadata = build_metadata(settings.issuer_url, registration=settings.registration)
        statement = settings.artefacts / "capability_statement.json"
        self.declared = read_declared(statement, settings.base_url, oauth_uris(self.metadata))
        self.mongo = Mongo(
            settings.mongodb_uri,
            settings.mongodb_database,
            timeout_ms=settings.request_timeout_ms,
            wait_ms=settings.database_wait_ms,
        )
        self.documents = Documents(self.mongo)
        self.oauth = open_stores(self.documents, settings)
        self.tokens = self.oauth.tokens
        self.state = State(self.mongo)
        policies = RecordPolicies(self.mongo)
        self.audit = AuditRecorder(AuditTrail(self.mongo), policies.treating)
        self.seals = Seals(self.mongo)
        self.sealing = Sealing(self.seals, settings.audit_seal_seconds)
        self.authenticator = Authenticator(
            self.tokens, self.oauth.replays, settings.base_url, settings.token_cache_seconds
        )
        self.revocations = Revocations(self.mongo, self.authenticator.forget)
        resources = Resources(self.mongo)
        profiles = settings.artefacts / "profiles"
        self._conformance = with_sources(*installed_packages(profiles), PostedDefinitions(resources))
        self.loaded_habilitations = LoadedHabilitations(self.mongo)
        self.habilitations = CurrentHabilitations(self.loaded_habilitations, profiles)
        self._database = Database(
            resources,
            Transactions(self.mongo, settings.base_url),
            self.audit,
            Artefacts(profiles),
            policies,
            self.habilitations.readable,
            settings.base_url,
            settings.authorisation_days * DAY_MS or FOREVER,
        )
        self.seal = PageSeal(self._page_secret)
        self.accounts = Accounts(self.documents)
        self.logins = Logins(self.accounts, Sessions(self.documents), settings.issuer_url, self._forms_key)
        self._limits = _limits(settings)

    def start_threads(self) -> None:
        """Starts what works beside the requests of this process, once."""
        self.sealing.start()
        if self.settings.token_cache_seconds:
            self.revocations.start()

    def stop_threads(self) -> None:
        """Ends what works beside the requests."""
        self.sealing.stop()
        self.revocations.stop()

    def _page_secret(self) -> bytes:
        """The secret of the page seal, shared by all workers through the settings or the database."""
        if self.settings.page_secret:
            return self.settings.page_secret
        fresh = base64.b64encode(secrets.token_bytes(32)).decode()
        return base64.b64decode(self.state.keep("page-secret", fresh))

    def _forms_key(self) -> bytes:
        """The key of the tokens in forms; another one than that of page links."""
        return hashlib.sha256(b"forms " + self._page_secret()).digest()

    def interact(
        self, context: AccessContext, request: FhirRequest, note: Note | None = None
    ) -> FhirResponse:
        """Answers one request of a caller: policy, audit and all, with or without HTTP before it.

        `note` is written by the transaction of the request.
        """
        store = GuardedStore(context, self._database, note)
        return answer(
            Exchange(
                request,
                store,
                self.declared,
                self.seal,
                self._limits,
                self.settings.base_url,
                OPERATIONS,
                self._conformance,
            )
        )

    def system_context(self, client_id: str = "fhir-server") -> AccessContext:
        """Returns the context of the operator at the command line."""
        scopes = parse_scopes("system/*.cruds", self.definitions.resource_types)
        return AccessContext(client_id, secrets.token_hex(16), scopes, purpose="HSYSADMIN")

    def issue_token(
        self,
        *,
        scope: str,
        client_id: str,
        patient: str = "",
        fhir_user: str = "",
        expires_in: int = 3600,
        activity: Activity = NO_ACTIVITY,
    ) -> str:
        """Issues an access token; raises Invalid for a scope that could grant nothing."""
        scopes = parse_scopes(scope, self.definitions.resource_types, self.settings.base_url)
        check_grant(scopes, patient, fhir_user)
        facts = TokenFacts(
            client_id,
            scope,
            patient=patient,
            fhir_user=fhir_user,
            activity=activity.facts(),
        )
        return self.tokens.add(facts, expires_in)[0]

    def record_timers(self) -> RecordTimers:
        """Returns the clock of the records; what it does is the operator's."""
        return RecordTimers(
            Deadlines(self.mongo),
            Outbox(self.mongo),
            lambda: GuardedStore(self.system_context(), self._database),
            self._database.policies.treating,
            self.settings.opposition_days * DAY_MS,
        )

    def record_purge(self) -> RecordPurge:
        """Returns what deletes records physically."""
        settings, types = self.settings, frozenset(self.definitions.resource_types)
        return RecordPurge(
            Purges(self.mongo, types, settings.base_url),
            Deadlines(self.mongo),
            self.audit,
            self.definitions,
            Retention(settings.deletion_days, settings.archive_years),
            self.system_context().client_id,
        )

    def reindex(self, types: Iterable[str] = (), progress: Callable[[str, int], None] | None = None) -> int:
        """Rebuilds the index entries of stored resources, of all types or some; returns how many."""
        names = frozenset(types) or frozenset(self.definitions.resource_types)
        return reindex(self.mongo, names, self.settings.base_url, progress)

    def explain(self, search: str, patient: str = "", scope: str = "") -> dict[str, object]:
        """Returns how the database executes a search of one type, written as Type?parameters."""
        resource_type, _, text = search.partition("?")
        scope = scope or ("patient/*.s" if patient else "system/*.s")
        scopes = parse_scopes(scope, self.definitions.resource_types, self.settings.base_url)
        store = GuardedStore(AccessContext("fhir-server", "explain", scopes, patient), self._database)
        query, _ = parse_query(
            resource_type,
            parse_qsl(text, keep_blank_values=True),
            self.declared.search_parameters,
            lenient=False,
            base_url=self.settings.base_url,
        )
        return store.explain(query, (query.count or self._limits.default_count) + 1)

    def check(self) -> list[tuple[str, bool, str]]:
        """Returns (what, whether it works, details) for what a running server needs."""
        # Flask comes with it, and who only imports this module needs none.
        from fhir_server.auth.upstream import ProvidersError, read_providers

        rows = [("definitions", True, f"{len(self.definitions.resource_types)} resource types of R4 4.0.1")]
        rows.append(("capabilities", True, f"{len(self.declared.types)} resource types declared"))
        try:
            names = [provider.title for provider in read_providers(self.settings.identity_providers)]
        except ProvidersError as error:
            return [*rows, ("identity providers", False, str(error))]
        rows.append(("identity providers", True, ", ".join(names) or "none"))
        try:
            self.mongo.ping()
        except FhirError as error:
            return [*rows, ("database", False, error.diagnostics)]
        used = self.mongo.resource_collections(frozenset(self.definitions.resource_types))
        rows.append(("database", True, f"{self.settings.mongodb_database}, primary of a replica set"))
        rows.append(("resources", True, f"{len(used)} types in use"))
        return rows

    def warm_up(self) -> None:
        """Compiles what the first requests need, before the workers fork and share it."""
        from fhir_server.search.index import extract_index
        from fhir_server.validation.validate import validate_resource

        for resource_type in _SEARCH_WARM_UP:
            extract_index({"resourceType": resource_type, "id": "x"}, 0, self.settings.base_url)
            validate_resource({"resourceType": resource_type})


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_depth=settings.max_depth,
        max_bundle_entries=settings.max_bundle_entries,
        default_count=settings.default_count,
        max_count=settings.max_count,
        update_create=settings.update_create,
        validation=settings.validation,
    )


def check_grant(scopes: Scopes, patient: str, fhir_user: str = "") -> None:
    """Refuses a grant whose scopes, patient and person do not go together."""
    if not scopes.rules:
        raise Invalid("none of the scopes grants access to a resource", "scope")
    levels = {rule.level for rule in scopes.rules}
    if "user" in levels and not is_person(fhir_user, scopes.base_url):
        raise Invalid(
            "user/ scopes need the person who acts, as in Practitioner/7 or Patient/dmp-0001", "fhir_user"
        )
    if scopes.needs_patient and not patient:
        raise Invalid("patient/ scopes need the id of the patient they are bound to", "patient")
    if patient and not scopes.needs_patient and "user" not in levels:
        raise Invalid("a patient was named, but no scope begins with patient/ or user/", "scope")


def create_app(settings: Settings | None = None) -> Flask:
    """Returns the WSGI application; gunicorn calls it without arguments and the environment decides."""
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from fhir_server.auth.install import install_auth
    from fhir_server.auth.pages.install import install_pages
    from fhir_server.rest.access_log import configure_logging, install_access_log
    from fhir_server.rest.cors import install_cors
    from fhir_server.rest.health import build_health
    from fhir_server.rest.routes import build_fhir_api
    from fhir_server.rest.sample_app import build_sample_app

    settings = settings or load_settings()
    server = Server(settings)
    server.warm_up()
    configure_logging(settings.log_level, settings.log_format)
    app = Flask("fhir_server", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.extensions["fhir_server"] = server
    proxies = settings.trusted_proxies
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)  # type: ignore[method-assign]
    install_access_log(app)
    # A thread does not live on in a fork: each worker starts its own with its first request.
    app.before_request(server.start_threads)
    app.register_blueprint(build_health(server.mongo.ping))
    prefix = urlsplit(settings.base_url).path or "/fhir"
    api = install_auth(app, server, server.logins.current, lambda reason: pages.refusal(reason))
    api.server.is_session_alive = server.logins.is_alive
    pages = install_pages(app, server, api.authorization.finish)
    install_cors(app, prefix, urlsplit(settings.issuer_url).path, server.oauth.clients.origins)
    if settings.sample_app:
        folder = settings.artefacts / "seed_data" / "sample_app"
        app.register_blueprint(build_sample_app(folder, settings.base_url, settings.issuer_url))
    app.register_blueprint(build_fhir_api(prefix, settings.base_url, server.authenticator, server.interact))
    return app
