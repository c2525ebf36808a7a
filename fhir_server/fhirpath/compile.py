"""Tree → closure: every part of an expression becomes a function of the state and its input items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import takewhile
from typing import Any

from fhir_server.fhirpath import tree
from fhir_server.fhirpath.functions import FUNCTIONS
from fhir_server.fhirpath.functions.defined import ELEMENT_DEFINITION, defined_member
from fhir_server.fhirpath.functions.filtering import is_of_type, of_type
from fhir_server.fhirpath.functions.subsetting import at
from fhir_server.fhirpath.navigate import member, members
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, Step, integer
from fhir_server.fhirpath.operators import OPERATORS, gather, sign, union
from fhir_server.fhirpath.types import TypeTest, ancestors, is_resource_type
from fhir_server.fhirpath.variables import variable


def compile_tree(expression: tree.Tree, context_type: str, *, distinct: bool = True) -> Step:
    """Compiles a parsed expression for inputs of one type; unions not `distinct` keep equal items."""
    defined = _asks_for_definitions(expression)
    return _Compiler(context_type, distinct=distinct, defined=defined).step(expression)


def is_plain(part: tree.Tree) -> bool:
    """True for an expression made of paths, types and unions only."""
    if isinstance(part, tree.Path):
        return is_plain(part.start) and all(map(is_plain, part.steps))
    if isinstance(part, tree.Union):
        return all(map(is_plain, part.branches))
    if isinstance(part, tree.TypeOperator):
        return is_plain(part.operand)
    return isinstance(part, tree.Name)


def _asks_for_definitions(part: Any) -> bool:
    """True where elementDefinition() is called: then items remember which elements they are."""
    if isinstance(part, tree.Call) and part.name == ELEMENT_DEFINITION:
        return True
    if isinstance(part, tuple):
        return any(map(_asks_for_definitions, part))
    return isinstance(part, tree.Tree) and any(
        _asks_for_definitions(getattr(part, field.name)) for field in fields(part)
    )


class _Compiler:
    def __init__(self, context_type: str, *, distinct: bool, defined: bool) -> None:
        self._context_type = context_type
        self._distinct = distinct
        self._defined = defined
        self._member = defined_member if defined else member

    def step(self, part: tree.Tree) -> Step:
        build: Callable[[Any, Any], Step] = _BUILDERS[type(part)]
        return build(self, part)

    def _literal(self, part: tree.Literal) -> Step:
        items = [Node(part.value, part.type, None)]
        return lambda state, _: items

    def _nothing(self, part: tree.Nothing) -> Step:
        return lambda state, items: EMPTY

    def _name(self, part: tree.Name) -> Step:
        # A capital begins a type, never an element: the path starts at the input if it is of that type.
        return _of_root(part.name) if part.name[:1].isupper() else self._member(part.name)

    def _variable(self, part: tree.Variable) -> Step:
        return variable(part.name)

    def _special(self, part: tree.Special) -> Step:
        return _SPECIALS[part.name]

    def _path(self, part: tree.Path) -> Step:
        start, steps = self._members(part, None)
        return _chain(start, tuple(self._next(s) for s in steps))

    def _next(self, part: tree.Tree) -> Step:
        return self._member(part.name) if isinstance(part, tree.Name) else self.step(part)

    def _members(self, part: tree.Path, wanted: TypeTest | None) -> tuple[Step, tuple[tree.Tree, ...]]:
        """Compiles the names a path begins with as one step; returns it and the steps that remain."""
        named = takewhile(lambda s: isinstance(s, tree.Name), part.steps)
        names = [s.name for s in named if isinstance(s, tree.Name)]
        steps = part.steps[len(names) :]
        if not names or self._defined:
            return self.step(part.start), part.steps
        if steps and isinstance(steps[0], tree.Call) and steps[0].name in _NARROWING:
            wanted = _type_argument(steps[0])
        begin = part.start
        if isinstance(begin, tree.Name) and begin.name[:1].isupper():
            return members(TypeTest(begin.name), names, wanted), steps
        return members(self.step(begin), names, wanted), steps

    def _call(self, part: tree.Call) -> Step:
        function = FUNCTIONS.get(part.name)
        if function is None:
            raise FhirPathError(f"FHIRPath function {part.name}() is not supported")
        if not function.least <= len(part.arguments) <= function.most:
            raise _wrong_arity(part)
        if function.takes_type:
            return function.build(_type_argument(part))
        return function.build(*(self.step(argument) for argument in part.arguments))

    def _indexer(self, part: tree.Indexer) -> Step:
        return at(self.step(part.index))

    def _sign(self, part: tree.Sign) -> Step:
        return sign(part.operator, self.step(part.operand))

    def _binary(self, part: tree.Binary) -> Step:
        return OPERATORS[part.operator](self.step(part.left), self.step(part.right))

    def _union(self, part: tree.Union) -> Step:
        branches = tuple(self.step(branch) for branch in part.branches if self._applies(branch))
        if not branches:
            return lambda state, items: []
        return union(branches) if self._distinct else gather(branches)

    def _applies(self, branch: tree.Tree) -> bool:
        """False for a branch of a search expression that begins with another resource type."""
        start = branch
        while isinstance(start, (tree.Path, tree.TypeOperator)):
            start = start.start if isinstance(start, tree.Path) else start.operand
        if not isinstance(start, tree.Name) or not is_resource_type(self._context_type):
            return True
        return not is_resource_type(start.name) or start.name in ancestors(self._context_type)

    def _type_operator(self, part: tree.TypeOperator) -> Step:
        test = TypeTest(part.type)
        if part.operator == "is":
            return _chain(self.step(part.operand), (is_of_type(test),))
        if isinstance(part.operand, tree.Path):
            start, steps = self._members(part.operand, test)
            if not steps:
                return _chain(start, (of_type(test),))
        return _chain(self.step(part.operand), (of_type(test),))


def _chain(start: Step, steps: tuple[Step, ...]) -> Step:
    if not steps:
        return start
    if len(steps) == 1:
        (only,) = steps
        return lambda state, items: only(state, start(state, items))

    def chain(state: State, items: Collection) -> Collection:
        items = start(state, items)
        for step in steps:
            items = step(state, items)
        return items

    return chain


def _of_root(specifier: str) -> Step:
    test = TypeTest(specifier)
    return lambda state, items: [node for node in items if test[node[1]]]


def _type_argument(call: tree.Call) -> TypeTest:
    if len(call.arguments) != 1:
        raise _wrong_arity(call)
    return TypeTest(_type_specifier(call.arguments[0]))


def _wrong_arity(call: tree.Call) -> FhirPathError:
    return FhirPathError(f"FHIRPath function {call.name}() does not take {len(call.arguments)} arguments")


def _type_specifier(part: tree.Tree) -> str:
    names = [part] if isinstance(part, tree.Name) else []
    if isinstance(part, tree.Path) and isinstance(part.start, tree.Name):
        names = [part.start, *(s for s in part.steps if isinstance(s, tree.Name))]
        names = names if len(names) == len(part.steps) + 1 else []
    if not names:
        raise FhirPathError("FHIRPath: expected the name of a type")
    return ".".join(name.name for name in names)


_NARROWING = ("as", "ofType")

_SPECIALS: dict[str, Step] = {
    "$this": lambda state, items: state.focus,
    "$index": lambda state, items: EMPTY if state.index is None else integer(state.index),
    "$total": lambda state, items: state.total,
}

_BUILDERS: dict[type[tree.Tree], Callable[[Any, Any], Step]] = {
    tree.Literal: _Compiler._literal,
    tree.Nothing: _Compiler._nothing,
    tree.Name: _Compiler._name,
    tree.Variable: _Compiler._variable,
    tree.Special: _Compiler._special,
    tree.Path: _Compiler._path,
    tree.Call: _Compiler._call,
    tree.Indexer: _Compiler._indexer,
    tree.Sign: _Compiler._sign,
    tree.Binary: _Compiler._binary,
    tree.Union: _Compiler._union,
    tree.TypeOperator: _Compiler._type_operator,
}
