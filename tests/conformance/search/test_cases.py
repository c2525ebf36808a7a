"""Every example query of the search page, and what lies around it, asked over HTTP.

The cases are data, one file for each section of https://hl7.org/fhir/R4/search.html:

    query                 path and parameters below the base; `{base}` stands for it
    form                  parameters of a form: the query is sent by POST to _search
    lenient, handling     what Prefer: handling says
    finds, order          ids of the matches, in any order or in this one
    total                 Bundle.total, where it is not the number of matches; null where it must be absent
    included              Type/id of what comes with them
    self                  the self link
    warns                 expressions of the warnings in the Bundle
    keys, tag             keys of some of the resources; the tag of all matches
    status, code, expression   of the error
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.examples import body, entry, link, problem, transaction
from tests.http_client import FhirHttp

Case = dict[str, Any]
FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in FILES}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def name(case: Case) -> str:
    return " ".join(
        filter(None, [case["query"][:80], case.get("form", ""), "lenient" * case.get("lenient", False)])
    )


@pytest.fixture(scope="module")
def topic(request: pytest.FixtureRequest, fhir: FhirHttp) -> Iterator[str]:
    """Stores the resources of one file while its cases are asked."""
    resources = json.loads(json.dumps(CASES[request.param]["resources"]).replace("{base}", fhir.base_url))
    urls = [f"{r['resourceType']}/{r['id']}" for r in resources if r["resourceType"] != "AuditEvent"]
    stored = fhir.post("", transaction(*(store(r) for r in resources)))
    assert stored.status_code == 200, stored.text
    yield request.param
    assert fhir.post("", transaction(*(entry("DELETE", url) for url in urls))).status_code == 200


def store(resource: dict[str, Any]) -> dict[str, Any]:
    """Returns the entry that stores a resource; the audit trail chooses its ids and loses nothing."""
    if resource["resourceType"] == "AuditEvent":
        return entry("POST", "AuditEvent", {k: v for k, v in resource.items() if k != "id"})
    return entry("PUT", f"{resource['resourceType']}/{resource['id']}", resource)


def ask(fhir: FhirHttp, case: Case) -> requests.Response:
    handling = case.get("handling", "lenient" if case.get("lenient") else "")
    headers = {"Prefer": f"handling={handling}"} if handling else {}
    query = case["query"].replace("{base}", fhir.base_url)
    if "form" not in case:
        return fhir.get(query, headers=headers)
    path, mark, parameters = query.partition("?")
    url = f"{path}/_search".lstrip("/") + mark + parameters
    return fhir.request("POST", url, data=case["form"], headers={**headers, **FORM})


@pytest.mark.parametrize(
    ("topic", "case"),
    [pytest.param(t, c, id=f"{t}: {name(c)}") for t, content in CASES.items() for c in content["cases"]],
    indirect=["topic"],
    scope="module",
)
def test_a_query_of_the_search_page_is_answered_as_it_says(fhir: FhirHttp, topic: str, case: Case) -> None:
    answer = ask(fhir, case)
    if "code" in case:
        issue = problem(answer, case["status"])
        expected = case["expression"]
        assert issue["code"] == case["code"], issue
        assert expected is None or issue.get("expression") == [expected], issue
        return
    assert answer.status_code == 200, answer.text
    check_page(body(answer), case, fhir.base_url)


def check_page(page: dict[str, Any], case: Case, base_url: str) -> None:
    modes: dict[str, list[dict[str, Any]]] = {"match": [], "include": [], "outcome": []}
    for row in page.get("entry", []):
        modes[row["search"]["mode"]].append(row["resource"])
    ids = [r["id"] for r in modes["match"]]
    if "order" in case:
        assert ids == case["order"]
    else:
        assert sorted(ids) == sorted(case["finds"])
        assert page.get("total") == case.get("total", len(ids))
    if "total" in case:
        assert page.get("total") == case["total"]
    included = [f"{r['resourceType']}/{r['id']}" for r in modes["include"]]
    assert sorted(included) == sorted(case.get("included", []))
    check_warnings(modes["outcome"], case)
    if "self" in case:
        assert link(page, "self") == f"{base_url}/{case['self']}"
    check_parts([*modes["match"], *modes["include"]], case)


def check_warnings(outcomes: list[dict[str, Any]], case: Case) -> None:
    issues = [issue for outcome in outcomes for issue in outcome["issue"]]
    assert {issue["severity"] for issue in issues} <= {"warning"}
    assert [issue["expression"] for issue in issues] == [[w] for w in case.get("warns", [])]


def check_parts(resources: list[dict[str, Any]], case: Case) -> None:
    for resource in resources:
        if resource["id"] in case.get("keys", {}):
            assert sorted(resource) == case["keys"][resource["id"]]
        if "tag" in case:
            assert case["tag"] in {tag["code"] for tag in resource["meta"]["tag"]}


def test_the_cases_are_many() -> None:
    assert sum(len(content["cases"]) for content in CASES.values()) >= 600
