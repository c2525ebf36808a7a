"""What a slice says beyond the element it divides: the rest is checked with the element, once.

https://hl7.org/fhir/R4/profiling.html#slicing
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.element_tree import ElementNode

_KEPT = frozenset({"id", "path", "sliceName", "slicing"})


def beyond(node: ElementNode, than: ElementNode) -> ElementNode:
    """Returns the tree of a slice without what the tree of its element says too."""
    made = ElementNode(node.name, _facts(node.facts, than.facts), node.slice)
    for name, child in node.children.items():
        other = than.children.get(name)
        kept = child if other is None else beyond(child, other)
        if other is None or child.facts.get("type") != other.facts.get("type") or _says_more(kept):
            made.children[name] = kept
    if {name: _plain(one) for name, one in node.slices.items()} != {
        name: _plain(one) for name, one in than.slices.items()
    }:
        made.slices = node.slices
    return made


def _facts(facts: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in facts.items() if key in _KEPT or others.get(key) != value}
    said = {str(row.get("key")) for row in others.get("constraint") or () if isinstance(row, dict)}
    if "constraint" in found:
        rows = [row for row in found["constraint"] if isinstance(row, dict)]
        found["constraint"] = [row for row in rows if str(row.get("key")) not in said]
    if "type" in facts and "type" not in found:
        # Which type it is has to be known; where it may lead was said.
        found["type"] = [{"code": row.get("code")} for row in facts["type"] if isinstance(row, dict)]
    return found


def _says_more(node: ElementNode) -> bool:
    own = node.facts.keys() - _KEPT - {"type", "constraint"}
    return bool(own or node.children or node.slices or node.facts.get("constraint"))


def _plain(node: ElementNode) -> Any:
    facts = {key: value for key, value in node.facts.items() if key not in ("id", "path")}
    below = {name: _plain(child) for name, child in node.children.items()}
    return facts, below, {name: _plain(one) for name, one in node.slices.items()}
