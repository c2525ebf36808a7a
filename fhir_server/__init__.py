"""An HL7 FHIR R4 (4.0.1) server for the French shared health record (DMP)."""
