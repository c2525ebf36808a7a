"""Questionnaires come from the same folders as profiles."""

from __future__ import annotations

import json
from pathlib import Path

from fhir_server.definitions.sources import ListedSource


def test_a_folder_of_profiles_has_questionnaires_too(tmp_path: Path) -> None:
    questionnaire = {"resourceType": "Questionnaire", "url": "http://a/q", "version": "2", "status": "active"}
    (tmp_path / "Questionnaire-q.json").write_text(json.dumps(questionnaire))
    source = ListedSource.of_folder(tmp_path)
    assert source.find("Questionnaire", "http://a/q|2") == questionnaire
    assert source.find("Questionnaire", "http://a/q|1") is None
