"""A resource against the definitions of R4; yields Issues, raises nothing. https://hl7.org/fhir/R4/validation.html"""
