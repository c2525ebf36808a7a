"""Answers by their Questionnaire. https://hl7.org/fhir/R4/questionnaireresponse.html"""
