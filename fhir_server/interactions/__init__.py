"""One file per FHIR REST interaction; no Flask. https://hl7.org/fhir/R4/http.html"""
