"""audit seal, audit verify: what they say and their exit code."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient


def test_a_trail_is_sealed_and_verified(
    invoke: Any, mongodb_uri: str, database_name: str, tmp_path: Any
) -> None:
    file = tmp_path / "p.json"
    file.write_text('{"resourceType": "Patient", "id": "a"}', "utf-8")
    assert invoke("load", str(file)).exit_code == 0
    sealed = invoke("audit", "seal")
    assert sealed.exit_code == 0, sealed.output
    kept = sealed.stdout.strip()
    assert kept.startswith("1:")
    assert invoke("reindex", "AuditEvent").exit_code == 0, "index entries are no part of what is sealed"
    for options in ((), ("--patient", "a"), ("--head", kept)):
        result = invoke("audit", "verify", *options)
        assert result.exit_code == 0, result.output
        assert "0 not sealed yet" in result.output
    with MongoClient(mongodb_uri) as client:
        trail = client[database_name]["AuditEvent"]
        event = trail.find_one({})
        trail.delete_one({"_id": event["_id"]})
    broken = invoke("audit", "verify")
    assert broken.exit_code == 1
    assert broken.stdout.startswith(f"event removed: seal 1, AuditEvent/{event['_id']}")
    assert invoke("audit", "verify", "--head", "x").exit_code == 2
