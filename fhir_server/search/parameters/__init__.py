"""PARAMETER_TYPES: what each type of search parameter extracts, reads and matches.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from __future__ import annotations

from fhir_server.search.parameters.date import DATE
from fhir_server.search.parameters.full_text import FULL_TEXT
from fhir_server.search.parameters.number import NUMBER
from fhir_server.search.parameters.parameter_type import ParameterType
from fhir_server.search.parameters.quantity import QUANTITY
from fhir_server.search.parameters.reference import REFERENCE
from fhir_server.search.parameters.string import STRING
from fhir_server.search.parameters.token import TOKEN
from fhir_server.search.parameters.uri import URI

WORDS = "words"
"""Of _text and _content, which R4 calls strings or special."""

PARAMETER_TYPES: dict[str, ParameterType] = {
    "number": NUMBER,
    "date": DATE,
    "string": STRING,
    "token": TOKEN,
    "reference": REFERENCE,
    "quantity": QUANTITY,
    "uri": URI,
    WORDS: FULL_TEXT,
}
"""`composite` combines them (parameters/composite.py)."""
