"""Writes the code of a Python file in a normal form that is the same on every supported version of Python.

`ast.unparse` and `ast.dump` are not: the former quotes f-strings differently since Python 3.12, the latter leaves out
other fields since 3.13. Here a node is written as its class and those of its fields that hold something, by name, so
that an optional field of a later version (3.12: `type_params`) changes nothing. Layout, comments and prose are left
out: docstrings, what describes an architecture, and the wording of errors. The class of an error and the condition that
it is raised under stay.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from typing import cast

PROSE = {
    "Arch": {"summary", "source"},
    "Family": {"summary", "source"},
    "Task": {"summary", "label", "prefix", "subject", "better", "best", "measured"},
    "Metric": {"label", "unit", "higher_is_better", "definition", "margin", "scale", "digits", "likelihood"},
}
"""Class → the keywords of its constructor that only say how something is described or shown."""


def normal_form(tree: ast.Module) -> str:
    """Return one line of ASCII, equal for trees of the same code; `tree` is changed."""
    return as_text(WithoutProse().visit(tree))


class WithoutProse(ast.NodeTransformer):
    """Removes docstrings and other statements that do nothing, descriptions, and the text of errors."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if is_text(node.value) else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None  # beside a docstring it may be there or not

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in PROSE:
            node.keywords = [word for word in node.keywords if word.arg not in PROSE[node.func.id]]
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args = [without_text(argument) for argument in node.exc.args]
            for word in node.exc.keywords:
                word.value = without_text(word.value)
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = node.msg and without_text(node.msg)
        return self.generic_visit(node)


class WithoutText(ast.NodeTransformer):
    """Empties strings, and removes the text between the values of f-strings."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if is_text(node) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        node.values = [value for value in node.values if not is_text(value)]
        return self.generic_visit(node)


def without_text(node: ast.expr) -> ast.expr:
    """Return an expression with its strings emptied."""
    return cast(ast.expr, WithoutText().visit(node))


def is_text(node: ast.AST) -> bool:
    """Return whether a node is a string constant."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def as_text(node: object) -> str:
    """Return a node, a list of nodes, or the plain value of a field as text."""
    if isinstance(node, ast.Constant):
        return constant_text(node.value)
    if isinstance(node, ast.JoinedStr):
        return fstring_text(node.values)
    if isinstance(node, ast.AST):
        return f"{type(node).__name__}({', '.join(field_texts(node))})"
    if isinstance(node, list):
        return f"[{', '.join(map(as_text, node))}]"
    return ascii(node)


def field_texts(node: ast.AST) -> Iterator[str]:
    """Yield `name=value` for each field of a node that holds something, in the order of names."""
    for name in in_order(node._fields):
        value = getattr(node, name, None)
        empty = value is None or value == [] or (name == "format_spec" and as_text(value) == constant_text(""))
        if not empty:
            yield f"{name}={as_text(value)}"


@functools.cache
def in_order(fields: tuple[str, ...]) -> list[str]:
    """Return the fields of a kind of node in order, but for load or store, which the place of the node says."""
    return sorted(set(fields) - {"ctx"})


def constant_text(value: object) -> str:
    """Return a constant as text.

    `repr` would not do: what it escapes depends on the version's Unicode tables, and it refuses very long ints.
    """
    return f"{type(value).__name__} {hex(value) if isinstance(value, int) else ascii(value)}"


def fstring_text(values: Sequence[ast.expr]) -> str:
    """Return an f-string as text, one without values as the string that it is.

    Neighbouring pieces of text are joined, since where they are cut depends on the version.
    """
    parts: list[str | ast.expr] = []
    for value in fstring_parts(values):
        if isinstance(value, str) and parts and isinstance(parts[-1], str):
            parts[-1] += value
        elif value != "":
            parts.append(value)
    if all(isinstance(part, str) for part in parts):
        return constant_text("".join(cast(list[str], parts)))
    return (
        f"JoinedStr([{', '.join(constant_text(part) if isinstance(part, str) else as_text(part) for part in parts)}])"
    )


def fstring_parts(values: Sequence[ast.expr]) -> Iterator[str | ast.expr]:
    """Yield the text and the values of an f-string, those of f-strings within it included."""
    for value in values:
        if isinstance(value, ast.JoinedStr):
            yield from fstring_parts(value.values)
        elif isinstance(value, ast.Constant):
            yield str(value.value)
        else:
            yield value
