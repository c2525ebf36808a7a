"""The one error family of the server; each class carries its HTTP status and OperationOutcome issue code.

https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/valueset-issue-type.html

FhirError
├── Invalid              400 invalid        the request cannot be understood
│   └── NotSupported     400 not-supported  understood, not offered here
├── LoginRequired        401 login
├── Forbidden            403 forbidden      decided from the token alone, never from stored data
│   └── TooCostly        403 too-costly
├── NotFound             404 not-found      absent, or hidden: the caller cannot tell
├── MethodNotAllowed     405 not-supported
├── NotAcceptable        406 not-supported
├── Conflict             409 conflict       the database decided for another writer
├── Gone                 410 deleted
├── VersionConflict      412 conflict       If-Match, If-None-Match
├── MultipleMatches      412 multiple-matches
├── TooLarge             413 too-long
├── UnsupportedMedia     415 not-supported
├── Unprocessable        422 processing     a resource breaks its definition; carries all issues
├── Throttled            429 throttled
├── Internal             500 exception
└── Unavailable          503 transient
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

    severity: str
    """fatal error warning information"""
    code: str
    """https://hl7.org/fhir/R4/valueset-issue-type.html"""
    diagnostics: str
    expression: str = ""
    """FHIRPath of the culprit: Patient.name[0].given, Bundle.entry[3].resource, or http.<parameter>."""
    message_id: str = ""
    """Which rule speaks: invariant:obs-6, cardinality:min …; empty where no rule of validation does."""


class FhirError(Exception):
    """A request that cannot be answered as asked."""

    status = 500
    code = "exception"

    def __init__(self, diagnostics: str, expression: str = "", *, issues: Iterable[Issue] = ()) -> None:
        super().__init__(diagnostics)
        self.issues: tuple[Issue, ...] = tuple(issues) or (
            Issue("error", self.code, diagnostics, expression),
        )
        self.headers: dict[str, str] = {}

    @property
    def diagnostics(self) -> str:
        return str(self.args[0])


class Invalid(FhirError):
    status, code = 400, "invalid"


class NotSupported(Invalid):
    code = "not-supported"


class LoginRequired(FhirError):
    status, code = 401, "login"


class Forbidden(FhirError):
    status, code = 403, "forbidden"


class TooCostly(Forbidden):
    code = "too-costly"


class NotFound(FhirError):
    status, code = 404, "not-found"


class MethodNotAllowed(FhirError):
    status, code = 405, "not-supported"


class NotAcceptable(FhirError):
    status, code = 406, "not-supported"


class Conflict(FhirError):
    status, code = 409, "conflict"


class Gone(FhirError):
    status, code = 410, "deleted"


class VersionConflict(FhirError):
    status, code = 412, "conflict"


class MultipleMatches(FhirError):
    status, code = 412, "multiple-matches"


class TooLarge(FhirError):
    status, code = 413, "too-long"


class UnsupportedMedia(FhirError):
    status, code = 415, "not-supported"


class Unprocessable(FhirError):
    status, code = 422, "processing"


class Throttled(FhirError):
    status, code = 429, "throttled"


class Internal(FhirError):
    status, code = 500, "exception"


class Unavailable(FhirError):
    status, code = 503, "transient"


class Unreachable(Unavailable):
    """The database was waited for as long as a request may wait; nothing else need wait for it again."""
