"""FUNCTIONS: name → builder and arity. http://hl7.org/fhirpath/N1/#functions"""

from __future__ import annotations

from fhir_server.fhirpath.functions.boundaries import BOUNDARIES
from fhir_server.fhirpath.functions.coded import CODED
from fhir_server.fhirpath.functions.combining import COMBINING
from fhir_server.fhirpath.functions.conversion import CONVERSION
from fhir_server.fhirpath.functions.defined import DEFINED
from fhir_server.fhirpath.functions.existence import EXISTENCE
from fhir_server.fhirpath.functions.fhir import FHIR
from fhir_server.fhirpath.functions.filtering import FILTERING
from fhir_server.fhirpath.functions.html import HTML
from fhir_server.fhirpath.functions.math import MATH
from fhir_server.fhirpath.functions.signature import Function
from fhir_server.fhirpath.functions.strings import STRINGS
from fhir_server.fhirpath.functions.subsetting import SUBSETTING
from fhir_server.fhirpath.functions.tree import TREE

FUNCTIONS: dict[str, Function] = {
    **EXISTENCE,
    **FILTERING,
    **SUBSETTING,
    **COMBINING,
    **CONVERSION,
    **STRINGS,
    **MATH,
    **BOUNDARIES,
    **TREE,
    **FHIR,
    **HTML,
    **CODED,
    **DEFINED,
}
