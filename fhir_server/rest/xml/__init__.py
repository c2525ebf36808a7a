"""FHIR XML at the edge: resources are plain JSON dicts everywhere else. https://hl7.org/fhir/R4/xml.html"""
