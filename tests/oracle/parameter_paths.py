"""Where search parameters look, written by hand from the tables of each R4 resource page.

https://hl7.org/fhir/R4/searchparameter-registry.html. A path is dotted; `value[Quantity]` is one type of a
choice, `value[x]` any; `telecom(system=phone)` keeps what has that value; `subject>Patient` keeps Patients;
`a + b` is both. What a composite's components read is relative to its own path ("." is the resource).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

Resource = dict[str, Any]


class Parameter(NamedTuple):
    """One search parameter of one type."""

    code: str
    type: str
    path: str
    components: tuple[tuple[str, str], ...] = ()
    """(type, path) of the components of a composite."""


_EVERY = """
_id token id
_lastUpdated date meta.lastUpdated
_tag token meta.tag
_profile uri meta.profile
_security token meta.security
_source uri meta.source
"""

_TABLE = """
Patient active token active
Patient address string address
Patient address-city string address.city
Patient address-postalcode string address.postalCode
Patient address-use token address.use
Patient birthdate date birthDate
Patient death-date date deceased[DateTime]
Patient email token telecom(system=email)
Patient family string name.family
Patient gender token gender
Patient general-practitioner reference generalPractitioner
Patient given string name.given
Patient identifier token identifier
Patient language token communication.language
Patient link reference link.other
Patient name string name
Patient organization reference managingOrganization
Patient phone token telecom(system=phone)
Patient telecom token telecom
Practitioner active token active
Practitioner family string name.family
Practitioner gender token gender
Practitioner given string name.given
Practitioner identifier token identifier
Practitioner name string name
Practitioner telecom token telecom
PractitionerRole active token active
PractitionerRole date date period
PractitionerRole location reference location
PractitionerRole organization reference organization
PractitionerRole practitioner reference practitioner
PractitionerRole role token code
PractitionerRole specialty token specialty
Organization active token active
Organization address string address
Organization address-city string address.city
Organization identifier token identifier
Organization name string name + alias
Organization partof reference partOf
Organization type token type
Location address-city string address.city
Location identifier token identifier
Location name string name + alias
Location near special position
Location organization reference managingOrganization
Location partof reference partOf
Location status token status
Location type token type
Encounter class token class
Encounter date date period
Encounter diagnosis reference diagnosis.condition
Encounter identifier token identifier
Encounter length quantity length
Encounter location reference location.location
Encounter location-period date location.period
Encounter part-of reference partOf
Encounter participant reference participant.individual
Encounter patient reference subject>Patient
Encounter practitioner reference participant.individual>Practitioner
Encounter reason-code token reasonCode
Encounter reason-reference reference reasonReference
Encounter service-provider reference serviceProvider
Encounter status token status
Encounter subject reference subject
Encounter type token type
Observation based-on reference basedOn
Observation category token category
Observation code token code
Observation combo-code token code + component.code
Observation combo-value-concept token value[CodeableConcept] + component.value[CodeableConcept]
Observation combo-value-quantity quantity value[Quantity] + component.value[Quantity]
Observation component-code token component.code
Observation component-value-quantity quantity component.value[Quantity]
Observation data-absent-reason token dataAbsentReason
Observation date date effective[x]
Observation derived-from reference derivedFrom
Observation encounter reference encounter
Observation focus reference focus
Observation has-member reference hasMember
Observation identifier token identifier
Observation patient reference subject>Patient
Observation performer reference performer
Observation status token status
Observation subject reference subject
Observation value-concept token value[CodeableConcept]
Observation value-date date value[DateTime] + value[Period]
Observation value-quantity quantity value[Quantity]
Observation value-string string value[String] + value[CodeableConcept].text
Observation code-value-quantity composite . token:code quantity:value[Quantity]
Observation code-value-concept composite . token:code token:value[CodeableConcept]
Observation code-value-string composite . token:code string:value[String]
Observation code-value-date composite . token:code date:value[DateTime]+value[Period]
Observation component-code-value-quantity composite component token:code quantity:value[Quantity]
Observation component-code-value-concept composite component token:code token:value[CodeableConcept]
Observation combo-code-value-quantity composite .+component token:code quantity:value[Quantity]
Observation combo-code-value-concept composite .+component token:code token:value[CodeableConcept]
Condition abatement-date date abatement[DateTime] + abatement[Period]
Condition asserter reference asserter
Condition category token category
Condition clinical-status token clinicalStatus
Condition code token code
Condition encounter reference encounter
Condition evidence token evidence.code
Condition evidence-detail reference evidence.detail
Condition identifier token identifier
Condition onset-age quantity onset[Age] + onset[Range]
Condition onset-date date onset[DateTime] + onset[Period]
Condition onset-info string onset[String]
Condition patient reference subject>Patient
Condition recorded-date date recordedDate
Condition severity token severity
Condition subject reference subject
Condition verification-status token verificationStatus
AllergyIntolerance asserter reference asserter
AllergyIntolerance category token category
AllergyIntolerance clinical-status token clinicalStatus
AllergyIntolerance code token code + reaction.substance
AllergyIntolerance date date recordedDate
AllergyIntolerance last-date date lastOccurrence
AllergyIntolerance manifestation token reaction.manifestation
AllergyIntolerance onset date reaction.onset
AllergyIntolerance patient reference patient
AllergyIntolerance recorder reference recorder
AllergyIntolerance type token type
MedicationRequest authoredon date authoredOn
MedicationRequest code token medication[CodeableConcept]
MedicationRequest encounter reference encounter
MedicationRequest intent token intent
MedicationRequest medication reference medication[Reference]
MedicationRequest patient reference subject>Patient
MedicationRequest requester reference requester
MedicationRequest status token status
MedicationRequest subject reference subject
MedicationStatement code token medication[CodeableConcept]
MedicationStatement context reference context
MedicationStatement effective date effective[x]
MedicationStatement medication reference medication[Reference]
MedicationStatement patient reference subject>Patient
MedicationStatement source reference informationSource
MedicationStatement subject reference subject
Medication code token code
Medication expiration-date date batch.expirationDate
Medication form token form
Medication identifier token identifier
Medication ingredient reference ingredient.item[Reference]
Medication ingredient-code token ingredient.item[CodeableConcept]
Medication lot-number token batch.lotNumber
Medication manufacturer reference manufacturer
Immunization date date occurrence[x]
Immunization location reference location
Immunization lot-number string lotNumber
Immunization patient reference patient
Immunization performer reference performer.actor
Immunization reaction reference reaction.detail
Immunization reaction-date date reaction.date
Immunization vaccine-code token vaccineCode
Procedure code token code
Procedure date date performed[x]
Procedure encounter reference encounter
Procedure instantiates-canonical reference instantiatesCanonical
Procedure instantiates-uri uri instantiatesUri
Procedure location reference location
Procedure part-of reference partOf
Procedure patient reference subject>Patient
Procedure performer reference performer.actor
Procedure reason-reference reference reasonReference
Procedure status token status
Procedure subject reference subject
DiagnosticReport code token code
DiagnosticReport conclusion token conclusionCode
DiagnosticReport date date effective[x]
DiagnosticReport encounter reference encounter
DiagnosticReport issued date issued
DiagnosticReport patient reference subject>Patient
DiagnosticReport performer reference performer
DiagnosticReport result reference result
DiagnosticReport subject reference subject
DocumentReference author reference author
DocumentReference category token category
DocumentReference contenttype token content.attachment.contentType
DocumentReference custodian reference custodian
DocumentReference date date date
DocumentReference description string description
DocumentReference encounter reference context.encounter
DocumentReference identifier token masterIdentifier + identifier
DocumentReference location uri content.attachment.url
DocumentReference patient reference subject>Patient
DocumentReference period date context.period
DocumentReference related reference context.related
DocumentReference relatesto reference relatesTo.target
DocumentReference relation token relatesTo.code
DocumentReference relationship composite relatesTo token:code reference:target
DocumentReference security-label token securityLabel
DocumentReference status token status
DocumentReference subject reference subject
DocumentReference type token type
CarePlan activity-code token activity.detail.code
CarePlan activity-date date activity.detail.scheduled[x]
CarePlan based-on reference basedOn
CarePlan care-team reference careTeam
CarePlan category token category
CarePlan condition reference addresses
CarePlan date date period
CarePlan instantiates-uri uri instantiatesUri
CarePlan patient reference subject>Patient
CarePlan performer reference activity.detail.performer
CarePlan subject reference subject
CareTeam category token category
CareTeam date date period
CareTeam encounter reference encounter
CareTeam participant reference participant.member
CareTeam patient reference subject>Patient
CareTeam status token status
CareTeam subject reference subject
Coverage beneficiary reference beneficiary
Coverage class-type token class.type
Coverage class-value string class.value
Coverage dependent string dependent
Coverage identifier token identifier
Coverage patient reference beneficiary
Coverage payor reference payor
Coverage policy-holder reference policyHolder
Coverage subscriber reference subscriber
Questionnaire date date date
Questionnaire description string description
Questionnaire effective date effectivePeriod
Questionnaire name string name
Questionnaire title string title
Questionnaire url uri url
Questionnaire version token version
Questionnaire context-type token useContext.code
Questionnaire context-quantity quantity useContext.value[Quantity]
Questionnaire context-type-quantity composite useContext token:code quantity:value[Quantity]
QuestionnaireResponse author reference author
QuestionnaireResponse authored date authored
QuestionnaireResponse encounter reference encounter
QuestionnaireResponse identifier token identifier
QuestionnaireResponse patient reference subject>Patient
QuestionnaireResponse questionnaire reference questionnaire
QuestionnaireResponse source reference source
QuestionnaireResponse status token status
QuestionnaireResponse subject reference subject
List code token code
List date date date
List encounter reference encounter
List item reference entry.item
List notes string note.text
List patient reference subject>Patient
List source reference source
List subject reference subject
List title string title
Group actual token actual
Group characteristic token characteristic.code
Group code token code
Group exclude token characteristic.exclude
Group identifier token identifier
Group managing-entity reference managingEntity
Group member reference member.entity
Group type token type
Group value token characteristic.value[CodeableConcept] + characteristic.value[Boolean]
RiskAssessment condition reference condition
RiskAssessment date date occurrence[DateTime]
RiskAssessment encounter reference encounter
RiskAssessment method token method
RiskAssessment patient reference subject>Patient
RiskAssessment performer reference performer
RiskAssessment probability number prediction.probability[Decimal]
RiskAssessment risk token prediction.qualitativeRisk
RiskAssessment subject reference subject
ValueSet code token expansion.contains.code + compose.include.concept.code
ValueSet date date date
ValueSet expansion uri expansion.identifier
ValueSet identifier token identifier
ValueSet name string name
ValueSet reference uri compose.include.system
ValueSet title string title
ValueSet url uri url
ValueSet version token version
"""

IMPLIED = {
    ("Patient", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Practitioner", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Observation", "status"): "http://hl7.org/fhir/observation-status",
    ("Encounter", "status"): "http://hl7.org/fhir/encounter-status",
    ("Group", "type"): "http://hl7.org/fhir/group-type",
}
"""The system that the binding of a code implies: "the system is defined in the value set"."""

TYPES = tuple(dict.fromkeys(line.split()[0] for line in _TABLE.strip().splitlines()))


@cache
def parameters(resource_type: str) -> dict[str, Parameter]:
    """Returns the parameters of a type by code."""
    rows = [f"{resource_type} {line}" for line in _EVERY.strip().splitlines()] + _TABLE.strip().splitlines()
    found = {}
    for row in rows:
        type_, code, kind, path = row.split(" ", 3)
        if type_ != resource_type:
            continue
        components: tuple[tuple[str, str], ...] = ()
        if kind == "composite":
            path, *parts = path.split()
            components = tuple((p.partition(":")[0], p.partition(":")[2]) for p in parts)
        found[code] = Parameter(code, kind, path, components)
    return found


def at(resource: Resource, path: str) -> list[Any]:
    """Returns the values at a path; those of lists one by one, none for what has extensions only."""
    return [value for branch in path.split("+") for value in _walk([resource], branch.strip())]


def _walk(values: list[Any], path: str) -> list[Any]:
    if path == ".":
        return values
    path, _, target = path.partition(">")
    for step in path.split("."):
        values = [found for value in values for found in _step(value, step)]
    if target:
        values = [v for v in values if _refers_to(v, target)]
    return values


def _step(value: Any, step: str) -> Iterator[Any]:
    name, _, type_ = step.rstrip("]").partition("[")
    name, _, condition = name.rstrip(")").partition("(")
    if not isinstance(value, dict):
        return
    if type_ == "x":
        keys = [k for k in value if k.startswith(name) and k[len(name) : len(name) + 1].isupper()]
    else:
        keys = [name + type_]
    for key in keys:
        found = value.get(key)
        for one in found if isinstance(found, list) else [found]:
            if one is not None and (
                not condition or one.get(condition.split("=")[0]) == condition.split("=")[1]
            ):
                yield one


def _refers_to(reference: Resource, type_: str) -> bool:
    """resolve() is Patient, told from the reference, or its `type` where it is a logical one."""
    steps = reference.get("reference", "").partition("/_history")[0].split("/")
    return steps[-2] == type_ if len(steps) > 1 else reference.get("type") == type_
