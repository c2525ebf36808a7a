"""MongoDB's account of an execution, in five numbers. https://www.mongodb.com/docs/manual/reference/explain-results/"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Account = dict[str, Any]


def summarise_plan(account: Account) -> dict[str, Any]:
    """Returns index, keys, documents, results and ms of an aggregate's explanation."""
    cursor = account["stages"][0]["$cursor"] if "stages" in account else account
    statistics = cursor["executionStats"]
    winning = cursor["queryPlanner"]["winningPlan"]
    nothing = (
        "none: nothing is stored" if winning.get("stage") == "EOF" else "none: every document is looked at"
    )
    names = dict.fromkeys(_indexes(winning))
    return {
        "index": ", ".join(names) or nothing,
        "keys": statistics["totalKeysExamined"],
        "documents": statistics["totalDocsExamined"],
        "results": statistics["nReturned"],
        "ms": statistics["executionTimeMillis"],
    }


def _indexes(stage: Any) -> Iterator[str]:
    """Yields the indexes a plan reads, `_id` among them."""
    if isinstance(stage, list):
        for one in stage:
            yield from _indexes(one)
    if not isinstance(stage, dict):
        return
    if "indexName" in stage:
        yield str(stage["indexName"])
    elif stage.get("stage") == "IDHACK":
        yield "_id_"
    for child in stage.values():
        if isinstance(child, dict | list):
            yield from _indexes(child)
