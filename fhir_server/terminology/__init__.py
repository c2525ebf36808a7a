"""Codes: what code systems and value sets say of them. https://hl7.org/fhir/R4/terminology-module.html"""
