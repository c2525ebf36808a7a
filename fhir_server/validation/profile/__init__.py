"""StructureDefinitions → checks of what they say beyond R4. https://hl7.org/fhir/R4/profiling.html"""
