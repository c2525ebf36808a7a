"""Writes the FHIR artefacts of `profiles/` from the tables in `profiles/tables/`.

https://hl7.org/fhir/R4/terminology-module.html, https://hl7.org/fhir/R4/profiling.html; profiles/README.md
"""
