"""FHIRPath N1 with the R4 additions: expressions compiled to closures over plain JSON.

http://hl7.org/fhirpath/N1, https://hl7.org/fhir/R4/fhirpath.html
"""
