"""Rules about the interpreter's internals: frames, code objects, other modules' attributes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Final

from pytest_agentfix.judge.lint.dotted_names import name_hit, raw_hit
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.module import Module, Use

_FRAME_PARTS: Final = frozenset(
    {"f_back", "f_code", "f_locals", "f_globals", "f_builtins", "f_lineno", "f_trace", "tb_frame"}
    | {"gi_frame", "cr_frame", "ag_frame", "co_filename", "tb_next", "findCaller"}
)
_TRACEBACK_PARTS: Final = frozenset({"tb_next", "f_lineno", "co_filename"})  # only with others
_CODE_PARTS: Final = frozenset(
    {"__code__", "__closure__", "__globals__", "__builtins__", "__subclasses__", "co_code"}
    | {"co_consts", "cell_contents", "__getattribute__"}
)
_READ_BY_MANY: Final = frozenset({"__getattribute__"})
_MADE: Final = frozenset({"types.CodeType", "types.FunctionType"})
_HELD: Final = frozenset({"sys.path", "sys.modules", "sys.meta_path", "sys.path_hooks"})
_EDITS: Final = frozenset(
    {"append", "insert", "extend", "remove", "pop", "clear", "setdefault", "update", "__setitem__"}
    | {"__delitem__", "popitem", "reverse", "sort"}
)
_SETTERS: Final = frozenset({"builtins.setattr", "builtins.delattr"})


def find_introspection(module: Module) -> Iterator[RawHit]:
    """Find reads and writes that only the interpreter and debuggers have any use for."""
    yield from _find_parts(module)
    yield from _find_writes(module)
    for node in module.nodes:
        if isinstance(node, ast.Call):
            yield from _find_calls(module, node)


def _find_parts(module: Module) -> Iterator[RawHit]:
    for node in module.nodes:
        name = _attribute_name(module, node)
        if name in _FRAME_PARTS - _TRACEBACK_PARTS:
            yield raw_hit("frame-inspection", node, f".{name}", key=name, capability="parts")
        elif name in _CODE_PARTS - _READ_BY_MANY:
            yield raw_hit("introspection", node, f".{name}", key=name, capability=name)
        elif isinstance(node, ast.Name) and node.id == "__builtins__":
            yield raw_hit("introspection", node, node.id, key=node.id, capability=node.id)


def _attribute_name(module: Module, node: ast.AST) -> str:
    """Return the attribute accessed, also by ``getattr``, ``attrgetter`` or ``vars()[...]``."""
    match node:
        case ast.Attribute(attr=name):
            return name
        case ast.Call(args=[_, name, *_]) if module.dotted(node.func) in (
            "builtins.getattr",
            "builtins.setattr",
            "builtins.hasattr",
        ):
            return module.fold_str(name) or ""
        case ast.Call(args=[name, *_]) if module.dotted(node.func) == "operator.attrgetter":
            return (module.fold_str(name) or "").rpartition(".")[2]
        case ast.Call(func=ast.Attribute(attr="__getattribute__"), args=[*_, name]):
            return module.fold_str(name) or ""
    return ""


def _find_writes(module: Module) -> Iterator[RawHit]:
    for use in module.uses:
        if use.is_written and not isinstance(use.node, ast.Name) and _is_foreign(module, use):
            rule = "global-state" if use.name.startswith("os.environ") else "introspection"
            yield name_hit(rule, use, "")
    for node in module.nodes:
        match node:
            case ast.Attribute(attr="__class__", ctx=ast.Store()):
                yield raw_hit("introspection", node, "sets __class__")
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=held):
                yield from _find_item_write(module, node, held)
            case ast.Attribute(ctx=ast.Store(), value=ast.Call(func=called)):
                if module.dotted(called) == "decimal.getcontext":
                    yield raw_hit("global-state", node, f"sets decimal's {printable(node.attr)}")


def _find_item_write(module: Module, node: ast.Subscript, held: ast.expr) -> Iterator[RawHit]:
    name = module.dotted(held) or ""
    if name == "os.environ":
        yield raw_hit("global-state", node, "writes os.environ", key="os.environ")
    elif name in _HELD:
        yield raw_hit("introspection", node, f"writes {name}", key=name, capability=name)
    elif name.endswith(".__dict__") and _is_outside(module, name.partition(".")[0]):
        yield raw_hit("introspection", node, f"writes {printable(name)}")


def _find_calls(module: Module, node: ast.Call) -> Iterator[RawHit]:
    name = module.dotted(node.func) or ""
    held, _, edit = name.rpartition(".")
    if name in _MADE:
        yield raw_hit("introspection", node, f"makes a {name}")
    elif held in _HELD and edit in _EDITS:
        yield raw_hit("introspection", node, f"edits {held}", key=held, capability=held)
    elif name in _SETTERS and node.args:
        target = module.dotted(node.args[0])
        if target is not None and _is_outside(module, target.partition(".")[0]):
            yield raw_hit("introspection", node, f"sets an attribute of {printable(target)}")


def _is_foreign(module: Module, use: Use) -> bool:
    """Return whether an attribute of another project's module or class is written."""
    root, *parts = use.name.split(".")
    if isinstance(use.node, ast.Subscript) or not parts or not _is_outside(module, root):
        return False
    if root in sys.stdlib_module_names:
        return True
    # A library's object (``flask.g``) may be meant to be written to; a class or module is not.
    owner = use.name.rpartition(".")[0]
    return owner in module.imported or (len(parts) > 1 and parts[-2][:1].isupper())


def _is_outside(module: Module, root: str) -> bool:
    """Return whether the top module ``root`` cannot be the project's own."""
    return bool(root) and root not in module.path.removesuffix(".py").split("/")
