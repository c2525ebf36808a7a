"""Search, pure: resource → index entries, URL → Query → plan; touches no database. https://hl7.org/fhir/R4/search.html"""
