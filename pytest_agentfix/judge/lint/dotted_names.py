"""Tables of the dotted names that rules are about, and the way to look them up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, fingerprint, lines_of
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.module import IMPORTERS, Module, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Names with one meaning. With ``capability`` "" each name is a capability of its own.

    ``names`` count wherever they are mentioned, ``roots`` (and all below) where they are imported.
    """

    rule: str
    capability: str = ""
    names: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ()

    def includes(self, use: Use) -> bool:
        """Return whether ``use`` is of one of these names."""
        if use.name in self.names:
            return True
        is_import = use.is_import or isinstance(use.node, ast.Subscript)
        return is_import and any(use.name == r or use.name.startswith(f"{r}.") for r in self.roots)


def _below(module: str, names: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names.split())


OUTCOMES: Final = frozenset(
    {"pytest", "_pytest", "unittest", "pluggy", "doctest", "nose", "mock", "pytest_mock"}
)
GROUPS: Final = (
    Group(
        rule="frame-inspection",
        capability="frames",
        names=_below("sys", "_getframe _current_frames _getframemodulename")
        | _below("inspect", "stack currentframe getouterframes getinnerframes trace getframeinfo")
        | _below("traceback", "extract_stack walk_stack format_stack print_stack StackSummary"),
    ),
    Group(
        rule="process-exit",
        names=_below("os", "_exit abort kill killpg fork forkpty")
        | _below("os", "execl execle execlp execlpe execv execve execvp execvpe")
        | _below("posix", "_exit abort kill killpg fork forkpty execv execve")
        | _below("signal", "signal alarm setitimer raise_signal pthread_kill siginterrupt")
        | _below("atexit", "register _run_exitfuncs")
        | {"_thread.interrupt_main"},
        roots=("faulthandler",),
    ),
    Group(
        rule="introspection",
        names=_below("gc", "get_objects get_referrers get_referents callbacks")
        | _below("sys", "settrace setprofile monitoring gettrace getprofile addaudithook")
        | _below("threading", "settrace setprofile settrace_all_threads setprofile_all_threads")
        | {"importlib.reload", "builtins.__build_class__"},
        roots=("ctypes", "_ctypes", "dis", "bytecode", "cffi"),
    ),
    Group(
        rule="reads-tests",
        names=_below("inspect", "getsource getsourcelines getsourcefile findsource getfile"),
        roots=("linecache",),
    ),
    Group(
        rule="new-network",
        capability="network",
        names=_below("asyncio", "open_connection start_server open_unix_connection"),
        roots=(
            "socket", "_socket", "ssl", "http.client", "http.server", "urllib.request", "requests",
            "httpx", "aiohttp", "ftplib", "smtplib", "xmlrpc", "telnetlib", "poplib", "imaplib",
            "nntplib", "socketserver", "websockets", "websocket", "paramiko", "urllib3", "pycurl",
            "httpcore", "http.HTTPConnection",
        ),
    ),
    Group(
        rule="new-subprocess",
        capability="subprocess",
        names=_below("os", "system popen spawnl spawnle spawnlp spawnv spawnve spawnvp spawnvpe")
        | _below("os", "posix_spawn posix_spawnp startfile")
        | _below("asyncio", "create_subprocess_exec create_subprocess_shell")
        | {"concurrent.futures.ProcessPoolExecutor"},
        roots=("subprocess", "_posixsubprocess", "pty", "multiprocessing", "pexpect"),
    ),
    Group(
        rule="new-eval",
        capability="eval",
        names=_below("builtins", "eval exec compile")
        | _below("pickle", "load loads Unpickler")
        | _below("marshal", "load loads")
        | _below("shelve", "open")
        | _below("importlib.util", "spec_from_file_location module_from_spec")
        | _below("importlib.machinery", "SourceFileLoader SourcelessFileLoader")
        | _below("code", "interact InteractiveInterpreter InteractiveConsole"),
        roots=("runpy", "dill", "cloudpickle", "_pickle", "codeop"),
    ),
    Group(
        rule="new-encoded",
        capability="encoded",
        names=frozenset({"codecs.decode", "builtins.bytes.fromhex", "builtins.bytearray.fromhex"}),
        roots=("base64", "binascii", "zlib", "bz2", "lzma"),
    ),
    Group(
        rule="silenced-warnings",
        names=_below("warnings", "simplefilter filterwarnings resetwarnings"),
    ),
    Group(
        rule="global-state",
        names=_below("locale", "setlocale")
        | _below("random", "seed setstate")
        | _below("numpy", "seterr random.seed set_printoptions")
        | _below("sys", "setrecursionlimit setswitchinterval set_int_max_str_digits")
        | _below("os", "putenv unsetenv chdir umask environ.update environ.setdefault environ.pop")
        | _below("time", "sleep tzset")
        | _below("asyncio", "sleep")
        | _below("socket", "setdefaulttimeout")
        | _below("decimal", "setcontext"),
    ),
    Group(rule="always-equal", names=frozenset({"unittest.mock.ANY", "mock.ANY"})),
)  # fmt: skip


def find_names(module: Module) -> Iterator[RawHit]:
    """Find the mentions of names that a rule is about."""
    for use in module.uses:
        for group in GROUPS:
            if group.includes(use):
                yield name_hit(group.rule, use, group.capability or use.name)
    for node in module.nodes:
        match node:
            case ast.Call(func=called, args=[name, *_]) if (
                module.dotted(called) in IMPORTERS
                and module.fold_str(name) is None
                and not _is_from_own_package(node)
            ):
                yield raw_hit(
                    "new-eval", node, "imports by a computed name", capability="importing"
                )


def _is_from_own_package(call: ast.Call) -> bool:
    """Return whether ``use`` imports from its own package: ``import_module("." + name, ...)``."""
    match call.args:
        case [ast.BinOp(left=first), ast.Name(id="__name__" | "__package__")]:
            return isinstance(first, ast.Constant) and first.value == "."
        case [ast.JoinedStr(values=[first, *_]), ast.Name(id="__name__" | "__package__")]:
            return isinstance(first, ast.Constant) and first.value == "."
    return False


def name_hit(rule: str, use: Use, capability: str = "") -> RawHit:
    """Return the hit of one mention, which stays the same when the code is moved."""
    name = use.name.removeprefix("builtins.")
    return raw_hit(rule, use.node, printable(name), key=use.name, capability=capability)


def raw_hit(
    rule: str, node: ast.AST, what: str, *, key: str | None = None, capability: str = ""
) -> RawHit:
    """Return the hit of a whole ``node``; the default key is the node's own text."""
    line, end = lines_of(node)
    return RawHit(
        rule=rule,
        what=what,
        key=fingerprint(node) if key is None else key,
        line=line,
        end=end,
        capability=capability,
    )


def mark(node: ast.AST, capability: str) -> RawHit:
    """Record that the file can do something; never a hit by itself."""
    return raw_hit("", node, "", key="", capability=capability)


def qualified(module: Module, node: ast.AST) -> str:
    """Join the names of the functions and classes around ``node`` (and its own) with dots."""
    around = [node, *module.ancestors(node)]
    named = [one.name for one in around if isinstance(one, (*FUNCTIONS, ast.ClassDef))]
    return ".".join(reversed(named))


def is_in_main_guard(module: Module, node: ast.AST) -> bool:
    """Return whether ``node`` runs only when the file is started as a program."""
    inner: ast.AST = node
    for outer in module.ancestors(node):
        if isinstance(outer, ast.If) and inner in outer.body and _is_guard(outer.test):
            return True
        inner = outer
    return False


def _is_guard(test: ast.expr) -> bool:
    match test:
        case ast.Compare(
            left=ast.Name(id="__name__"),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value="__main__")],
        ):
            return True
    return False
