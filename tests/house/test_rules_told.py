"""Every rule that decides has a row that tells the patient of it."""

from __future__ import annotations

import ast

from fhir_server.audit.notifications import notices
from fhir_server.audit.rules import rules
from tests.house.sources import files, tree

_DECIDING = {"Verdict": 1, "Refused": 1, "_Area": 2}


def told_rules() -> set[str]:
    found: set[str] = set()
    for path in files(".py", "fhir_server/policy"):
        for node in ast.walk(tree(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            position = _DECIDING.get(node.func.id)
            if position is None or len(node.args) <= position:
                continue
            for value in ast.walk(node.args[position]):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found.add(value.value)
    return found


def test_every_rule_of_the_code_is_in_the_table() -> None:
    found = told_rules()
    assert {"closed", "blocked", "no-permit"} <= found
    assert found <= set(rules())


def test_the_table_is_in_order_and_whole() -> None:
    assert list(rules()) == sorted(rules())
    for rule in rules().values():
        assert rule.fr.endswith("."), rule.code
        assert rule.en.endswith("."), rule.code
        assert rule.article


def test_notifications_name_recipients_that_there_are() -> None:
    for notice in notices().values():
        assert set(notice.recipients) <= {"holder", "treating"}
        assert notice.recipients
