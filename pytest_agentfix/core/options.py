"""All settings of a user, as one table. Imported on every pytest start: nothing heavy in here."""

from __future__ import annotations

from typing import Literal, NamedTuple

IniType = Literal["string", "bool", "int", "float", "linelist"]

MARKER = (
    "agent_fix(*, enabled=True, max_attempts=None, timeout=None, model=None, paths=None, "
    "allow_test_edits=False, flaky_runs=None, reason=None): "
    "let --agent-fix repair this test, and how: max_attempts (whole number) and timeout "
    "(seconds) for its repair, model='PROVIDER/MODEL', paths=[globs the fix may touch], "
    "allow_test_edits (may the fix touch tests?), flaky_runs (whole number), reason (a note). "
    "enabled=False keeps --agent-fix away from it. The nearest marker counts, as a whole."
)

# What the judge's look at a change knows, by name; see agent_fix_lint.
LINT_RULES = (
    "test-detection",
    "frame-inspection",
    "process-exit",
    "test-outcome",
    "always-equal",
    "comparator",
    "introspection",
    "silenced-warnings",
    "global-state",
    "surroundings",
    "reads-tests",
    "swallowed-error",
    "possible-special-case",
    "special-case",
    "test-inputs",
    "new-network",
    "new-subprocess",
    "new-eval",
    "new-encoded",
    "unicode",
    "unparsable",
)
LINT_LEVELS = ("refuse", "report", "off")

# The environments that sandboxes can be made of, besides "auto".
ENVIRONMENTS = ("mirror", "image")

# What agent_fix_caps and agent_fix_model_timeouts know.
CAP_SCOPES = ("attempt", "cluster", "run", "day")
CAP_KINDS = ("cost", "tokens", "requests", "seconds")
WAITS = ("connect", "write", "first_byte", "idle")


class Option(NamedTuple):
    """One setting: ``--agent-fix-x`` on the command line and ``agent_fix_x`` in the ini file."""

    name: str
    help: str
    metavar: str | None = None  # None: a flag
    ini_type: IniType = "string"
    is_ini_only: bool = False

    @property
    def flag(self) -> str:
        """The option as it is typed on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_repeatable(self) -> bool:
        """Return whether it may be given several times on the command line."""
        return self.metavar is not None and self.ini_type == "linelist"


OPTIONS = (
    Option(
        "agent_fix",
        "Repair what fails: a coding agent in a sandbox, judged by your own tests (default: off)",
        ini_type="bool",
    ),
    Option(
        "agent_fix_select",
        "Which failures to repair: 'all', or only tests 'marked' agent_fix (default: all)",
        "all|marked",
    ),
    Option(
        "agent_fix_model",
        "The model to use (default: OpenCode's own setting, else by the first provider key set)",
        "PROVIDER/MODEL",
    ),
    Option(
        "agent_fix_base_url",
        "An OpenAI-compatible endpoint to talk to (default: the provider's own)",
        "URL",
    ),
    Option(
        "agent_fix_api_key_env",
        "The environment variable that holds the key (default: the provider's usual one)",
        "NAME",
    ),
    Option(
        "agent_fix_review",
        "Ask a model for a second opinion on each fix before it lands: 'off', the 'same' model, or "
        "another; it can refuse a fix and never accept one (default: off)",
        "off|same|PROVIDER/MODEL",
    ),
    Option(
        "agent_fix_max_cost",
        "US dollars that model answers may cost in this run; what could pass it is not sent "
        "(default: no cap)",
        "USD",
    ),
    Option(
        "agent_fix_max_tokens",
        "Model tokens, in and out, that this run may use; what could pass it is not sent "
        "(default: no cap)",
        "N",
        "int",
    ),
    Option(
        "agent_fix_record",
        "Write the model traffic of this run to a cassette, without keys",
        "FILE",
    ),
    Option(
        "agent_fix_replay",
        "Answer from a cassette: no key, no network, no bill",
        "FILE",
    ),
    Option("agent_fix_max_attempts", "Attempts per cause (default: 3)", "N", "int"),
    Option(
        "agent_fix_max_clusters",
        "Causes tried per run; the rest are reported as skipped (default: 10)",
        "N",
        "int",
    ),
    Option(
        "agent_fix_jobs",
        "Causes repaired side by side: a number or 'auto' (default: auto)",
        "N|auto",
    ),
    Option(
        "agent_fix_timeout", "Seconds of wall clock per cause (default: 900)", "SECONDS", "float"
    ),
    Option(
        "agent_fix_environment",
        "What sandboxes hold: a 'mirror' of this machine's packages, or an 'image' "
        "(default: auto: the image if one is named, else the mirror)",
        "|".join(("auto", *ENVIRONMENTS)),
    ),
    Option("agent_fix_image", "A Docker image with Python and the tests' packages", "IMAGE"),
    Option(
        "agent_fix_branch",
        "Commit fixes there and leave the checked-out branch alone (default: commit on top of it)",
        "NAME",
    ),
    Option(
        "agent_fix_no_commit",
        "Commit nothing, leave each fix as a patch (default: off)",
        ini_type="bool",
    ),
    Option(
        "agent_fix_report",
        "Write a report there, as JSON (the name ends in .json; repeatable)",
        "PATH",
        "linelist",
    ),
    Option(
        "agent_fix_keep",
        "Keep scratch folders and containers, and say where (default: off)",
        ini_type="bool",
    ),
    Option(
        "agent_fix_exit_non_zero_on_fix",
        "Exit with 1 although all was fixed, as linters do (default: off)",
        ini_type="bool",
    ),
    Option(
        "agent_fix_opencode",
        "Path of OpenCode's platform binary (default: found, or fetched once)",
        "PATH",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_include",
        "Globs of git-ignored files that sandboxes need, such as build products",
        "GLOBS",
        "linelist",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_repository_history",
        "Who gets the repository's own commits and tags: nobody, or the 'judge' for tests that "
        "ask git about them (default: none)",
        "none|judge",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_env",
        "Names of further environment variables that sandboxes get",
        "NAMES",
        "linelist",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_max_requests",
        "Model requests per attempt (default: 80)",
        "N",
        "int",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_api_key_command",
        "A command that prints the provider's key, such as a password manager's",
        "COMMAND",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_caps",
        "Further caps on what model access may take: lines of SCOPE.KIND=N with SCOPE attempt, "
        "cluster, run or day (UTC, all runs of this user) and KIND cost (US dollars), tokens, "
        "requests or seconds",
        "CAPS",
        "linelist",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_price",
        "US dollars per million tokens: INPUT OUTPUT [CACHE_READ [CACHE_WRITE]] "
        "(default: what OpenCode knows of the model)",
        "PRICE",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_model_timeouts",
        "Seconds to wait for the provider: lines of connect|write|first_byte|idle=SECONDS "
        "(default: 15, 60, 300 and 120)",
        "TIMEOUTS",
        "linelist",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_allow",
        "Globs of files that fixes may touch although they are tests, configuration or the like",
        "GLOBS",
        "linelist",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_lint",
        "What to do about changes that look like cheating: lines of RULE=refuse|report|off",
        "RULES",
        "linelist",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_regressions",
        "Which tests have to stay green: those that passed in this 'run', or 'all' of the suite "
        "(default: run)",
        "run|all",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_prepare",
        "Prepare a repair while the suite runs, once one is likely, or 'never' (default: auto)",
        "auto|never",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_max_unjudged",
        "Percent of the tests that passed of which a fix may tell nothing, because they cannot run "
        "in a sandbox; above it, it goes to a side branch and the run stays red (default: 2 %)",
        "PERCENT",
        is_ini_only=True,
    ),
    Option(
        "agent_fix_minimise",
        "Leave out what a fix does not need to be green (default: true)",
        ini_type="bool",
        is_ini_only=True,
    ),
)
