"""The one door to stored resources: it decides, narrows the query, fetches, and leaves the audit trail.

No rule lives here: `decide.constrain` says how far the caller reaches, this file carries it into
every query and remembers each access until `close` writes it, before the answer leaves.
Hidden and absent are one thing to the caller (docs/decisions/0004-hidden-is-absent.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fhir_server.audit.event import Access, Caller
from fhir_server.errors import FhirError, Forbidden, Gone, MethodNotAllowed, NotFound, VersionConflict
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import now_ms
from fhir_server.fhir.primitives import is_id
from fhir_server.policy.actor import is_unbound
from fhir_server.policy.context import AccessContext
from fhir_server.policy.database import Database
from fhir_server.policy.decide import constrain, decide
from fhir_server.policy.guarded_search import GuardedSearch, Page
from fhir_server.policy.reach import NOTHING, Reach
from fhir_server.policy.record_access import RecordAccess, Standing
from fhir_server.policy.record_policy import RecordPolicy
from fhir_server.policy.record_rules import Refused
from fhir_server.policy.record_writes import RecordWrites
from fhir_server.policy.situation import Situation
from fhir_server.policy.traces import access_to
from fhir_server.search.query import Query
from fhir_server.storage.history_window import Constraint, HistoryWindow
from fhir_server.storage.loads import Note
from fhir_server.storage.mongo import Document
from fhir_server.storage.stored import Stored, read_document
from fhir_server.storage.transactions import WriteSession, next_instant

T = TypeVar("T")


class GuardedStore:
    """Stored resources as one caller may see and change them, for the time of one request."""

    def __init__(self, context: AccessContext, database: Database, note: Note | None = None) -> None:
        """`note` is written by the transactions of this request, as a part of them."""
        self.context = context
        self._database = database
        self._note_within = note
        self._accesses: list[Access] = []
        self._writes: WriteSession | None = None
        self._held: dict[tuple[str, str], Document] = {}
        """What this transaction has read in order to change it; its snapshot shows nothing newer."""
        self._records = RecordAccess(
            context, database.resources, database.policies, database.readable, lambda: self._session
        )
        self._writing = RecordWrites(context, self._records, database.base_url, database.authorisation_ms)

    # --- audit ----------------------------------------------------------------------------------

    def note(self, access: Access) -> None:
        """Remembers an access for the audit trail, with the rule that decided it."""
        self._accesses.append(self._ruled(access))

    def _ruled(self, access: Access) -> Access:
        rule = self._records.decided.get(access.patient)
        if not rule:
            return access
        return replace(access, rule=rule, epoch=self._records.epoch_of(access.patient))

    def _note(self, interaction: str, stored: Iterable[Stored]) -> None:
        for one in stored:
            self.note(access_to(interaction, one))

    def note_failure(
        self, interaction: str, resource_type: str, error: FhirError, resource_id: str = ""
    ) -> None:
        """Remembers an attempt that did not succeed; a bound patient sees it in the record's trail."""
        tried = (f"{resource_type}/{resource_id}",) if is_id(resource_id) else ()
        self.note(Access(interaction, resource_type, self._records.patient, tried, denied=error.diagnostics))

    def note_operation(self, resource_type: str, name: str) -> None:
        """Remembers an operation on what the caller sent: nothing stored was touched."""
        self.note(Access("operation", resource_type, self.context.patient, query=name))

    def close(self) -> None:
        """Writes the audit trail of this request; raises when it cannot be written."""
        accesses, self._accesses = self._accesses, []
        if accesses:
            self._database.recorder.record(accesses, self._caller)

    @property
    def _caller(self) -> Caller:
        c = self.context
        return Caller(c.client_id, c.token_id, c.fhir_user, c.purpose, c.address, c.request_id, c.activity)

    # --- reads ----------------------------------------------------------------------------------

    def read(self, resource_type: str, resource_id: str, interaction: str = "read") -> Stored:
        """Returns the current version; raises NotFound when absent or hidden, Gone when deleted."""
        current = self._current(resource_type, resource_id)
        self._note(interaction, [current])
        if current.deleted:
            raise Gone(f"{current.reference} was deleted")
        return current

    def vread(self, resource_type: str, resource_id: str, version: int) -> Stored:
        """Returns one version; who may not see the current one sees none."""
        reach = self._reach_of(resource_type, resource_id, "r")
        current = self._current(resource_type, resource_id, reach)
        found: Stored | None = current
        if current.version != version:
            # A resource that was moved from one record to another left versions that belong to the first.
            past = reach.past_filter
            found = self._database.resources.vread(resource_type, resource_id, version, past, self._session)
        if found is None:
            raise NotFound(f"{current.reference} has no version {version}")
        self._note("vread", [found])
        if found.deleted:
            raise Gone(f"{current.reference} was deleted by version {version}")
        return found

    def _current(self, resource_type: str, resource_id: str, reach: Reach | None = None) -> Stored:
        reach = reach or self._reach_of(resource_type, resource_id, "r")
        found = self._database.resources.read(resource_type, resource_id, reach.filter, self._session)
        if found is None:
            raise NotFound(f"{resource_type}/{resource_id} is not known")
        return found

    def _reach_of(self, resource_type: str, resource_id: str, letter: str) -> Reach:
        """Returns the reach at one resource: none where its record refuses whoever named no patient."""
        situation = self._records.of_instance(resource_type, resource_id, letter)
        try:
            return constrain(situation, resource_type, letter)
        except Refused:
            if is_unbound(self.context):
                return NOTHING
            raise

    def history(
        self, interaction: str, resource_types: Sequence[str], window: HistoryWindow, limit: int
    ) -> list[Stored]:
        """Returns versions, newest first; of an instance only when its current version is visible.

        One more than `limit` comes when there is one; it tells of a next page and is not shown.
        """
        constraints = self._history_constraints(resource_types, window)
        if window.resource_id:
            self._current(resource_types[0], window.resource_id)
        rows = (
            self._database.resources.history(constraints, window, limit + 1, self._session) if limit else []
        )
        self._note(interaction, rows[:limit])
        if not rows:
            self.note(Access(interaction, resource_types[0] if resource_types else "", self.context.patient))
        return rows

    def count_history(self, resource_types: Sequence[str], window: HistoryWindow) -> int:
        """Counts the versions of all pages."""
        constraints = self._history_constraints(resource_types, window)
        return self._database.resources.count_history(constraints, window, self._session)

    def _history_constraints(
        self, resource_types: Sequence[str], window: HistoryWindow
    ) -> dict[str, Constraint]:
        if window.resource_id:
            reaches = {name: self._reach_of(name, window.resource_id, "r") for name in resource_types}
        else:
            reaches = {name: constrain(self._records.situation(), name, "s") for name in resource_types}
        return {name: Constraint(reach.filter, reach.past_filter) for name, reach in reaches.items()}

    def may(self, letter: str, resource_type: str) -> bool:
        """Tells whether the token reaches anything of a type for c, r, u, d or s."""
        try:
            constrain(self._records.situation(), resource_type, letter)
        except Forbidden:
            return False
        return True

    def permitted_types(self, resource_types: Iterable[str], letter: str) -> list[str]:
        """Returns those of the types in use that the token reaches at all."""
        in_use = self._database.resources.types_in_use(frozenset(resource_types))
        return [name for name in in_use if self.may(letter, name)]

    def search(self, query: Query, limit: int, cursor: Any = None) -> Page:
        """Returns one page of matches, what it includes, and where the next page starts."""
        page = self._searches(query).page(query, limit, cursor)
        self._note_search(query, (*page.matches, *page.included))
        return page

    def search_types(self, queries: Sequence[Query], limit: int, cursor: Any = None) -> Page:
        """Returns one page of the matches of several types."""
        page = self._searches(*queries).merged_page(queries, limit, cursor)
        found = (*page.matches, *page.included)
        for query in queries:
            self._note_search(query, [one for one in found if one.resource_type == query.resource_type])
        return page

    def policy_at(self, patient: str, epoch: int) -> RecordPolicy | None:
        """Returns what the holder of a record had decided at an epoch; None where that is not known."""
        return self._records.policy_at(patient, epoch)

    def standing(self, patient: str) -> Standing:
        """Returns how the caller stands before a record whose Patient may be read."""
        return self._records.standing(patient)

    def explain(self, query: Query, limit: int) -> dict[str, Any]:
        """Returns how the database executes a search; nothing of what it finds."""
        return self._searches(query).explain(query, limit)

    def count(self, query: Query, *, accurate: bool) -> int | None:
        """Counts the matches; None when there are more than a search counts unasked."""
        return self._searches(query).count(query, accurate=accurate)

    def _searches(self, *queries: Query) -> GuardedSearch:
        situation = self._records.of_queries(queries, self._search_in)
        return self._search_in(situation)

    def _search_in(self, situation: Situation) -> GuardedSearch:
        database = self._database
        return GuardedSearch(situation, database.resources, self._session, database.artefacts)

    def _note_search(self, query: Query, found: Sequence[Stored]) -> None:
        text = query.text
        for patient in dict.fromkeys(one.patient for one in found):
            self.note(Access("search-type", query.resource_type, patient, query=text))
        if not found:
            self.note(Access("search-type", query.resource_type, self._records.patient, query=text))

    # --- writes ---------------------------------------------------------------------------------

    @property
    def _session(self) -> Any:
        return self._writes.session if self._writes is not None else None

    def create(self, resource: Resource, resource_id: str) -> Stored:
        """Stores a new resource: one round trip alone, or with the others of a transaction."""
        return self._insert(resource, resource_id, "POST")

    def _insert(self, resource: Resource, resource_id: str, method: str) -> Stored:
        if self._writes is None and not self._writing.is_alone(resource):
            names = {str(resource["resourceType"])}
            return self.transact(names, lambda inner: inner._insert(resource, resource_id, method))
        resource_type = str(resource["resourceType"])
        document = self._database.transactions.build(resource, resource_id, 1, now_ms(), method)
        situation = self._records.situation(document.get("p", ""))
        reach = constrain(situation, resource_type, "c")
        if not reach.takes(document):
            raise Forbidden(
                f"the token does not allow to create such a {resource_type}, or not in this record"
            )
        self._writing.mark(resource, document, None)
        stored = read_document(resource_type, document)
        if self._writes is not None:
            self._writes.insert_all({resource_type: [document]})
            self._note("create", [stored])
        else:
            # What the request has accessed so far goes into the same transaction as its write.
            accesses = [*self._accesses, self._ruled(access_to("create", stored))]
            traces = self._database.recorder.build(accesses, self._caller)
            self._database.transactions.insert(resource_type, document, traces)
            self._accesses = []
        return stored

    def transact(self, resource_types: Iterable[str], work: Callable[[GuardedStore], T]) -> T:
        """Runs `work` on a store whose reads and writes are one transaction; it may run several times.

        What the request has accessed until then is recorded by the same transaction.
        """
        if self._writes is not None:  # an operation in a transaction that goes on already
            return work(self)
        names = set(resource_types)

        def run(writes: WriteSession) -> T:
            inner = GuardedStore(self.context, self._database)
            inner._writes = writes
            result = work(inner)
            inner._writing.settle(writes)
            if self._note_within is not None:
                self._note_within(writes.session)
            accesses = [*self._accesses, *inner._accesses]
            writes.insert_all(self._database.recorder.build(accesses, self._caller))
            return result

        result = self._database.transactions.run(names, run)
        self._accesses = []
        return result

    def read_for_update(self, resource_type: str, resource_id: str) -> Stored:
        """Returns the version that a patch starts from, tombstone included. Only inside `transact`."""
        reach = self._reach_of(resource_type, resource_id, "u")
        current = self._in_transaction().current(resource_type, resource_id, reach.filter)
        if current is None:
            raise NotFound(f"{resource_type}/{resource_id} is not known")
        self._held[resource_type, resource_id] = current
        return read_document(resource_type, current)

    def is_known(self, resource_type: str, resource_id: str) -> bool:
        """Tells whether there is such a resource that the caller may update. Only inside `transact`."""
        reach = self._reach_of(resource_type, resource_id, "u")
        current = self._in_transaction().current(resource_type, resource_id, reach.filter)
        return current is not None and not current.get("d")

    def lock(self, key: str) -> None:
        """Makes transactions that name the same key follow each other."""
        self._in_transaction().lock(key)

    def flush(self) -> None:
        """Sends the waiting inserts, so that reads of the same transaction see them."""
        self._in_transaction().flush()

    def update(
        self,
        resource: Resource,
        resource_id: str,
        *,
        expected: int | None = None,
        create: bool = False,
        method: str = "PUT",
    ) -> tuple[Stored, bool]:
        """Replaces the current version, or creates it where `create` allows; tells whether it was created.

        `expected` is the version of If-Match. Only inside `transact`.
        """
        resource_type = str(resource["resourceType"])
        writes = self._in_transaction()
        reach = self._reach_of(resource_type, resource_id, "u")
        held = self._held.pop((resource_type, resource_id), None)
        current = held or writes.current(resource_type, resource_id, reach.filter)
        if current is None:
            self._refuse_unknown(resource_type, resource_id, expected, reach, create=create)
            return self._insert(resource, resource_id, "PUT"), True
        if expected is not None and expected != current["v"]:
            raise VersionConflict(
                f"{resource_type}/{resource_id} is at version {current['v']}, not {expected}"
            )
        document = self._database.transactions.build(
            resource, resource_id, current["v"] + 1, next_instant(current), method
        )
        if not reach.takes(document):
            raise Forbidden(
                f"the token does not allow to make such a {resource_type} of it, or in this record"
            )
        self._writing.mark(resource, document, current)
        stored = writes.replace(resource_type, current, document)
        self._note("patch" if method == "PATCH" else "update", [stored])
        situation = self._records.situation(document.get("p", ""))
        if method == "PATCH" and not decide(situation, resource_type, "r", document):
            stored = replace(stored, raw=b"")  # whoever patches without reading is not shown the rest
        return stored, bool(current.get("d"))

    def _refuse_unknown(
        self, resource_type: str, resource_id: str, expected: int | None, reach: Reach, *, create: bool
    ) -> None:
        if expected is not None:
            raise VersionConflict(f"{resource_type}/{resource_id} is not known, so no version of it matches")
        # A token that does not reach everything learns nothing about ids: taken or free, it is 404.
        if not reach.is_everything:
            raise NotFound(f"{resource_type}/{resource_id} is not known")
        if not create:
            error = MethodNotAllowed(
                f"{resource_type}/{resource_id} is not known and the server gives ids itself"
            )
            error.headers["Allow"] = "GET, DELETE, HEAD"
            raise error

    def delete(self, resource_type: str, resource_id: str, *, expected: int | None = None) -> Stored | None:
        """Deletes the current version; None when there was nothing to delete. Only inside `transact`."""
        writes = self._in_transaction()
        reach = self._reach_of(resource_type, resource_id, "d")
        current = writes.current(resource_type, resource_id, reach.filter)
        if current is None or current.get("d"):
            if expected is not None:
                raise VersionConflict(
                    f"{resource_type}/{resource_id} is not known, so no version of it matches"
                )
            tried = (f"{resource_type}/{resource_id}",)
            self.note(Access("delete", resource_type, self._records.patient, tried))
            return None
        if expected is not None and expected != current["v"]:
            raise VersionConflict(
                f"{resource_type}/{resource_id} is at version {current['v']}, not {expected}"
            )
        self._writing.mark_deleted(resource_type, current)
        stored = writes.delete(resource_type, current)
        self._note("delete", [stored])
        return stored

    def _in_transaction(self) -> WriteSession:
        if self._writes is None:
            raise AssertionError("this write needs a transaction")
        return self._writes
