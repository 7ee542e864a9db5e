"""A fix -> the message of its commit (pure)."""

from __future__ import annotations

from pytest_agentfix.core.model import Evidence, Failure, Fix, ProbeResult, Verdict
from pytest_agentfix.core.text import clean_line, shorten_line

_SUBJECT_LIMIT = 72
_LINE_LIMIT = 200
_TRAILER_LIMIT = 400
_MAX_TARGETS = 20
_MAX_PROBES = 20
_COAUTHOR = "Co-authored-by: OpenCode <noreply@opencode.ai>"


def default_message(fix: Fix) -> str:
    """Return the subject, the cause, the evidence and the trailers; ends with a newline.

    Test names, exceptions and probes hold text an agent or a test chose, so each is one line of
    bounded length without control, format or bidirectional characters.
    """
    parts = [_subject(fix), _cause(fix), _evidence(fix), _trailers(fix)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _subject(fix: Fix) -> str:
    cluster = fix.cluster
    name = clean_line(cluster.title, limit=_LINE_LIMIT).rpartition("::")[2]
    others = len(cluster.targets) - 1
    start = f"Fix {name}" + (f" and {others} more" if others else "")
    what = _what_failed(cluster.failures[0])
    whole = f"{start} ({what})" if what else start
    if len(whole) <= _SUBJECT_LIMIT or len(start) > _SUBJECT_LIMIT - 12:
        return shorten_line(whole if len(whole) <= _SUBJECT_LIMIT else start, limit=_SUBJECT_LIMIT)
    return f"{start} ({shorten_line(what, limit=_SUBJECT_LIMIT - len(start) - 3)})"


def complete_message(text: str, fix: Fix) -> str:
    """Return another plugin's ``text`` as a message: control characters out, our trailers in."""
    lines = [clean_line(line, limit=_LINE_LIMIT) for line in text.strip().splitlines()]
    trailers = _trailers(fix).splitlines()
    missing = [line for line in trailers if line not in lines]
    glue = [] if lines[-1] in trailers or not missing else [""]
    return "\n".join([*lines, *glue, *missing]) + "\n"


def _what_failed(failure: Failure) -> str:
    exception = failure.exception.rpartition(".")[2]
    message = failure.message.removeprefix(failure.exception).removeprefix(exception)
    parts = [exception, message.lstrip(": ")]
    return clean_line(": ".join(part for part in parts if part), limit=_LINE_LIMIT)


def _cause(fix: Fix) -> str:
    failure = fix.cluster.failures[0]
    what = _what_failed(failure) or "it failed"
    text = f"Cause, as {clean_line(failure.nodeid, limit=_LINE_LIMIT)} saw it:\n    {what}"
    is_shared = len({one.function for one in fix.cluster.failures}) > 1
    shared = clean_line(fix.cluster.cause, limit=_LINE_LIMIT) if is_shared else ""
    return f"{text}\nWhat the tests share: {shared}" if shared else text


def _evidence(fix: Fix) -> str:
    probes = [
        probe for probe in fix.judgement.probes if probe.result is not ProbeResult.NOT_APPLICABLE
    ]
    lines = [f"- {_probe_line(probe)}" for probe in probes[:_MAX_PROBES]]
    return "\n".join(["Evidence:", *lines]) if lines else ""


def _probe_line(probe: Evidence) -> str:
    detail = f" ({probe.detail})" if probe.detail else ""
    return clean_line(f"{probe.name}: {probe.result.value}{detail}", limit=_LINE_LIMIT)


def _trailers(fix: Fix) -> str:
    targets = fix.cluster.targets
    lines = [f"Agent-Fix-Test: {_value(target)}" for target in targets[:_MAX_TARGETS]]
    if len(targets) > _MAX_TARGETS:
        lines.append(f"Agent-Fix-Test: and {len(targets) - _MAX_TARGETS} more")
    lines.append(f"Agent-Fix-Model: {_value(fix.model)}")
    lines.append(f"Agent-Fix-Verdict: {Verdict.FIXED.value}")
    return "\n".join([*lines, _COAUTHOR])


def _value(text: str) -> str:
    return clean_line(text, limit=_TRAILER_LIMIT) or "unknown"
