"""The code of a Python file in one normal form, the same on every version of Python that we support.

Not `ast.unparse` or `ast.dump`: the former quotes f-strings otherwise since 3.12, the latter leaves out other fields
since 3.13. Here a node is its class and those of its fields that hold something, by name, so that an optional field of
a later version (3.12: `type_params`) changes nothing. Layout, comments and prose are left out: docstrings, what
describes an architecture, and how an error is worded (its class and the condition that it is raised under stay).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import cast

PROSE = {
    "Arch": {"summary", "source"},
    "Family": {"summary", "source"},
    "Task": {"summary", "label", "prefix", "subject", "better", "best", "measured"},
    "Metric": {"label", "unit", "higher_is_better", "definition", "margin", "scale", "digits", "likelihood"},
}
"""Keywords that say how something is shown, by what they are given to."""
"""Keywords of `Arch` and `Family` that describe."""


def normal_form(tree: ast.Module) -> str:
    """One line of ASCII, equal for trees of the same code. Takes `tree` apart: give it one of its own."""
    return written(WithoutProse().visit(tree))


class WithoutProse(ast.NodeTransformer):
    """Takes out docstrings and other statements that do nothing, descriptions, and the text of errors."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if is_text(node.value) else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None  # beside a docstring it may stand or not

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
    """Empties strings, and takes out what stands between the values of f-strings."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if is_text(node) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        node.values = [value for value in node.values if not is_text(value)]
        return self.generic_visit(node)


def without_text(node: ast.expr) -> ast.expr:
    return cast(ast.expr, WithoutText().visit(node))


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def written(node: object) -> str:
    """A node, a list of nodes, or the plain value of a field, as text."""
    if isinstance(node, ast.Constant):
        return constant(node.value)
    if isinstance(node, ast.JoinedStr):
        return joined(node.values)
    if isinstance(node, ast.AST):
        return f"{type(node).__name__}({', '.join(fields(node))})"
    if isinstance(node, list):
        return f"[{', '.join(map(written, node))}]"
    return ascii(node)


def fields(node: ast.AST) -> Iterator[str]:
    for name in sorted(set(node._fields) - {"ctx"}):  # load or store: where the node stands says it
        value = getattr(node, name, None)
        empty = value is None or value == [] or (name == "format_spec" and written(value) == constant(""))
        if not empty:
            yield f"{name}={written(value)}"


def constant(value: object) -> str:
    """Not by `repr` alone: what it escapes depends on the version's Unicode tables, and a very long int has none."""
    return f"{type(value).__name__} {hex(value) if isinstance(value, int) else ascii(value)}"


def joined(values: Sequence[ast.expr]) -> str:
    """An f-string. How its text is cut into pieces depends on the version; one without values is a string."""
    parts: list[str | ast.expr] = []
    for value in pieces(values):
        if isinstance(value, str) and parts and isinstance(parts[-1], str):
            parts[-1] += value
        elif value != "":
            parts.append(value)
    if all(isinstance(part, str) for part in parts):
        return constant("".join(cast(list[str], parts)))
    return f"JoinedStr([{', '.join(constant(part) if isinstance(part, str) else written(part) for part in parts)}])"


def pieces(values: Sequence[ast.expr]) -> Iterator[str | ast.expr]:
    for value in values:
        if isinstance(value, ast.JoinedStr):
            yield from pieces(value.values)
        elif isinstance(value, ast.Constant):
            yield str(value.value)
        else:
            yield value
