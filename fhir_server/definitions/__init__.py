"""What the specification and `profiles/` say, loaded once, read-only. https://hl7.org/fhir/R4/definitions.html"""
