"""`fhir-server explain` tells what a search costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_a_search_is_explained_with_index_keys_and_documents(invoke: Any, tmp_path: Path) -> None:
    patient = {"resourceType": "Patient", "id": "a", "name": [{"family": "Martin"}]}
    (tmp_path / "p.json").write_text(json.dumps(patient))
    assert invoke("load", str(tmp_path / "p.json")).exit_code == 0
    result = invoke("explain", "Patient?family=mar")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[:3] == ["Patient?family=mar", "  index      token", "  keys       1"]
    assert "refused" not in result.output


def test_a_bound_token_uses_the_index_of_its_patient(invoke: Any) -> None:
    result = invoke("explain", "--patient", "a", "Patient?gender=male")
    assert "index      patient" in result.output


def test_a_granular_scope_is_in_the_plan_and_its_index_leads(invoke: Any) -> None:
    scope = "system/Patient.rs?family=martin"
    result = invoke("explain", "--scope", scope, "Patient")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[1:3] == ["  index      token", "  keys       1"]
    other = invoke("explain", "--json", "--scope", "system/Patient.rs?family=curie", "Patient?family=mar")
    assert "results    0" in other.output
    assert "family=curie" in other.output
    refused = invoke("explain", "--scope", "patient/Patient.rs", "Patient")
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)


def test_what_would_be_refused_is_told_with_the_whole_plan_on_demand(invoke: Any) -> None:
    result = invoke("explain", "--json", "Patient?gender:not=male")
    assert "refused on a large database: gender:not alone would look at every Patient" in result.output
    assert '"executionStats"' in result.output


def test_an_index_of_ids_and_an_empty_type_are_told(invoke: Any) -> None:
    by_id = invoke("explain", "Patient?_id=a").output
    assert "none" not in by_id
    assert "results    1" in by_id
    assert "nothing is stored" in invoke("explain", "Basic?code=x").output


def test_a_search_that_cannot_be_read_is_one_sentence(invoke: Any) -> None:
    result = invoke("explain", "Patient?nothing=1")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
