"""The fingerprint as it was before it was the same on every version of Python: what the records of before are named by.

Only to recognise such a record's code as unchanged (`bench.load_model`, `bench.verify`), on the version of Python that
it was trained with; nothing new is named so. To be deleted when `bench.spec.run.PROTOCOL` goes to 3: then no record of
before can be trained again anyway.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path

from archs.base import Arch
from archs.identity.fingerprint import homes, reachable, read_module, source_of, source_path
from archs.plugins import PluginLoader


def old_fingerprint(arch: Arch) -> str:
    """Sixteen hex digits, over `ast.unparse` of the same files."""
    digest = hashlib.sha256(arch.name.encode())
    for role, home in homes(arch):
        digest.update(f"\n{role}\n".encode())
        for name in sorted(reachable(home, follow=loaded), key=name_then):
            tree = ast.parse(source_of(sys.modules[name]))
            digest.update(f"{name_then(name)}\n{ast.unparse(WithoutProse().visit(tree))}\n".encode())
    return digest.hexdigest()[:16]


def loaded(name: str) -> list[str]:
    """What was followed then: no package for its own sake, nothing that is imported later."""
    return [imported for imported in read_module(name).imports if imported in sys.modules]


def name_then(name: str) -> str:
    """What a module was called: a plug-in after its file alone."""
    top, dot, rest = name.partition(".")
    is_plugin = isinstance(getattr(sys.modules[top], "__loader__", None), PluginLoader)
    return f"plugin_{Path(source_path(top) or top).stem}{dot}{rest}" if is_plugin else name


class WithoutProse(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("Arch", "Family"):
            node.keywords = [word for word in node.keywords if word.arg not in ("summary", "source")]
        return self.generic_visit(node)
