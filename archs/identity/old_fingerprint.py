"""Computes the first kind of fingerprint, which depends on the version of Python and is in old records.

It serves only to recognise the code of such a record as unchanged (`bench.load_model`, `bench.verify`), on the version
of Python that the run was trained with. Delete this file when `bench.spec.run.PROTOCOL` goes to 3, since no old record
can be trained again then anyway.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from pathlib import Path

from archs.base import Arch
from archs.identity.fingerprint import defining_modules, reachable, read_module, source_of, source_path


def old_fingerprint(arch: Arch) -> str:
    """Return sixteen hex digits, the hash of `ast.unparse` of the files that define `arch`."""
    digest = hashlib.sha256(arch.name.encode())
    for role, home in defining_modules(arch):
        digest.update(f"\n{role}\n".encode())
        for name in sorted(reachable(home, follow=loaded_imports), key=old_name):
            tree = ast.parse(source_of(sys.modules[name]))
            digest.update(f"{old_name(name)}\n{ast.unparse(WithoutProse().visit(tree))}\n".encode())
    return digest.hexdigest()[:16]


def loaded_imports(name: str) -> list[str]:
    """Return the loaded modules that a module imports: all that this kind of fingerprint follows."""
    return [imported for imported in read_module(name).imports if imported in sys.modules]


def old_name(name: str) -> str:
    """Return the name that a module had: a plug-in was named after its file alone."""
    top, dot, rest = name.partition(".")
    is_plugin = re.fullmatch(r"plugin_\w+_[0-9a-f]{12}", top)  # as archs.foreign.plugins.module_name has it
    return f"plugin_{Path(source_path(top) or top).stem}{dot}{rest}" if is_plugin else name


class WithoutProse(ast.NodeTransformer):
    """Removes docstrings, and the descriptions of architectures and families."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("Arch", "Family"):
            node.keywords = [word for word in node.keywords if word.arg not in ("summary", "source")]
        return self.generic_visit(node)
