"""The options of pytest and of well-known plugins that stay out of a sandbox. Data only.

Options that make node ids never belong here, such as ``--count`` of pytest-repeat: without them,
the tests of the user's run do not exist.
"""

from __future__ import annotations

from typing import Final

# fmt: off
DROPPED_FLAGS: Final = frozenset((
    # how far to go, and from where
    "--exitfirst", "--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first",
    "--cache-clear", "--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "--sw-reset",
    "--stepwise-reset", "--continue-on-collection-errors",
    # asking instead of running
    "--collect-only", "--co", "--setup-only", "--setup-plan", "--setup-show",
    # spreading over processes, running again
    "--looponfail", "--loadscope-reorder", "--no-loadscope-reorder",
    # debuggers
    "--pdb", "--trace", "--trace-config",
    # what is shown
    "--quiet", "--verbose", "--no-header", "--no-summary", "--no-fold-skipped", "--full-trace",
    "--fulltrace", "--force-short-summary", "--xfail-tb", "--disable-warnings",
    "--disable-pytest-warnings",
    # reports
    "--self-contained-html", "--json-report", "--json-report-summary", "--cov-append",
    "--cov-branch", "--cov-reset", "--no-cov", "--no-cov-on-fail", "--clean-alluredir",
    "--ddtrace", "--benchmark-only", "--benchmark-skip", "--benchmark-autosave",
))
DROPPED_VALUE: Final = frozenset((
    "--maxfail", "--lfnf", "--last-failed-no-failures", "--cache-show", "--deselect",
    "--basetemp", "--config-file", "--rootdir",
    "--numprocesses", "--maxprocesses", "--max-worker-restart", "--dist", "--tx", "--px",
    "--rsyncdir", "--rsyncignore", "--testrunuid", "--maxschedchunk",
    "--reruns", "--reruns-delay", "--only-rerun", "--rerun-except",
    "--pdbcls",
    "--verbosity", "--tb", "--color", "--code-highlight", "--durations", "--durations-min",
    "--capture", "--show-capture",
    "--junitxml", "--junit-xml", "--junitprefix", "--junit-prefix", "--report-log", "--html",
    "--css", "--json-report-file", "--json-report-omit", "--json-report-indent",
    "--json-report-verbosity", "--pastebin", "--log-file", "--log-file-mode", "--log-file-level",
    "--log-file-format", "--log-file-date-format", "--cov-report", "--cov-config",
    "--cov-fail-under", "--cov-context", "--cov-precision", "--alluredir",
    "--benchmark-json", "--benchmark-save", "--benchmark-storage", "--benchmark-compare-fail",
))
DROPPED_OPTIONAL_VALUE: Final = frozenset((
    "--debug", "--cov", "--benchmark-compare", "--benchmark-histogram", "--benchmark-cprofile",
))
# Of the options that go along, those of pytest's own that are followed by a value.
KEPT_VALUE: Final = frozenset((
    "--override-ini", "--pythonwarnings", "--import-mode", "--ignore", "--ignore-glob",
    "--confcutdir", "--log-level", "--log-format", "--log-date-format", "--log-cli-level",
    "--log-cli-format", "--log-cli-date-format", "--log-auto-indent", "--log-disable", "--assert",
    "--doctest-report", "--doctest-glob", "--max-warnings",
))
# fmt: on

# Short options that argparse lets people glue together, as in ``-xvs``.
DROPPED_SHORT_FLAGS: Final = frozenset("xvqsfdh")
DROPPED_SHORT_VALUES: Final = frozenset("nkmrc")
KEPT_SHORT_FLAGS: Final = frozenset("l")
KEPT_SHORT_VALUES: Final = frozenset("poW")
