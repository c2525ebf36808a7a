"""The FHIR HTTP edge. https://hl7.org/fhir/R4/http.html"""
