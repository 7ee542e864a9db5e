"""What the door lets through: one method, one path, one model, the agent's own tools (pure).

The sandbox may send anything. What is not known to be harmless to the user's account is refused:
hosted tools would be a way out of the sandbox, URLs make the provider fetch, and references to
things kept at the provider reach what was never in the sandbox.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.gateway.providers import Dialect
from pytest_agentfix.gateway.upstream import Upstream

_HEADER_LIMIT: Final = 1000  # characters of a forwarded header's value


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request as it came out of the sandbox. Header names are in lower case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def list_values(self, name: str) -> list[str]:
        """Return all values of the header ``name``."""
        return [value for header, value in self.headers if header == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What goes upstream: nothing of the request's but what is here."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class RefusedError(Exception):
    """The request does not pass; ``status`` and words for the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def admit(request: Request, upstream: Upstream, *, token: str) -> Admission:
    """Return what to send upstream for ``request``, without the key; raises ``RefusedError``."""
    _check_token(request, upstream, token)
    if request.method != "POST" or request.target != upstream.row.build_target(upstream.model):
        raise RefusedError(403, "This door takes only the one request its model needs.")
    _check_framing(request)
    body = parse_body(request.body)
    clean_body(body, dialect=upstream.row.dialect, model=upstream.model)
    return Admission(
        url=upstream.url,
        headers=tuple(_iter_forwarded(request, upstream)),
        body=json.dumps(body, allow_nan=False).encode("ascii"),
    )


def _check_token(request: Request, upstream: Upstream, token: str) -> None:
    values = request.list_values(upstream.row.key_header)
    expected = upstream.row.format_key(token).encode()
    given = values[0].encode("utf-8", "surrogateescape") if len(values) == 1 else b""
    if not hmac.compare_digest(given, expected):
        raise RefusedError(401, "The credential is not this run's.")


def _check_framing(request: Request) -> None:
    """Refuse bodies whose length or form two readers could see differently."""
    if request.list_values("transfer-encoding") and request.list_values("content-length"):
        raise RefusedError(400, "The body's length is given twice.")
    if any(value.strip() != "identity" for value in request.list_values("content-encoding")):
        raise RefusedError(400, "The body must not be compressed.")
    types = request.list_values("content-type")
    if len(types) != 1 or types[0].split(";")[0].strip().lower() != "application/json":
        raise RefusedError(400, "The body must be JSON.")


def _iter_forwarded(request: Request, upstream: Upstream) -> Iterator[tuple[str, str]]:
    for name in upstream.row.forwarded_headers:
        values = request.list_values(name)
        if values and len(values[0]) <= _HEADER_LIMIT:
            yield name, values[0]


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in ``raw``; raises ``RefusedError`` for anything else.

    Duplicate keys are refused: two parsers may take different ones (RFC 8259, section 4).
    """
    try:
        found = json.loads(raw, object_pairs_hook=_build_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise RefusedError(400, "The body is nested too deeply.") from None
    except ValueError:
        raise RefusedError(400, "The body is not plain JSON.") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "The body is not a JSON object.")
    return found


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("duplicate key")
    return built


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def clean_body(body: dict[str, Any], *, dialect: Dialect, model: str) -> None:
    """Refuse what ``body`` must not hold, and switch off in place what it may leave on."""
    if dialect is not Dialect.GENERATE and body.get("model") != model:
        raise RefusedError(403, "Only the model of this run is allowed here.")
    for key in sorted(_FORBIDDEN_KEYS[dialect] & body.keys()):
        if body[key]:
            raise RefusedError(403, f"{key!r} is not allowed here.")
    if body.get("n", 1) != 1:
        raise RefusedError(403, "Only one answer per request is allowed here.")
    if dialect is Dialect.RESPONSES or body.get("store"):
        body["store"] = False
    _check_tools(body.get("tools"), _TOOL_RULES[dialect])
    for part in _PART_FINDERS[dialect](body):
        _check_part(part)


_FORBIDDEN_KEYS: Final[Mapping[Dialect, frozenset[str]]] = {
    Dialect.CHAT: frozenset(
        {"background", "web_search_options", "search_parameters", "plugins", "models", "route"}
        | {"mcp_servers", "preset", "documents"}
    ),
    Dialect.RESPONSES: frozenset(
        {"background", "conversation", "previous_response_id", "prompt", "models", "plugins"}
    ),
    Dialect.MESSAGES: frozenset({"mcp_servers", "container", "skills"}),
    Dialect.GENERATE: frozenset({"cachedContent", "cached_content", "model"}),
}


def _check_tools(tools: object, is_own: Callable[[Mapping[str, Any]], bool]) -> None:
    if tools is None:
        return
    entries = tools if isinstance(tools, list) else [tools]
    if not all(isinstance(entry, dict) and is_own(entry) for entry in entries):
        raise RefusedError(403, "Tools that run at the provider are not allowed here.")


def _is_function(tool: Mapping[str, Any]) -> bool:
    return bool(tool.get("type") == "function")


def _is_custom(tool: Mapping[str, Any]) -> bool:
    return bool(tool.get("type", "custom") == "custom")


def _is_declaration(tool: Mapping[str, Any]) -> bool:
    return set(tool) <= {"functionDeclarations", "function_declarations"}


_TOOL_RULES: Final[Mapping[Dialect, Callable[[Mapping[str, Any]], bool]]] = {
    Dialect.CHAT: _is_function,
    Dialect.RESPONSES: _is_function,
    Dialect.MESSAGES: _is_custom,
    Dialect.GENERATE: _is_declaration,
}


def _iter_objects(found: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in ``found``, or itself if it is one."""
    entries = found if isinstance(found, list) else [found]
    yield from (entry for entry in entries if isinstance(entry, dict))


def _iter_nested(found: object) -> Iterator[Mapping[str, Any]]:
    """Yield content parts, those inside tool results included, but never tool arguments."""
    for part in _iter_objects(found):
        yield part
        yield from _iter_nested(part.get("content"))
        yield from _iter_nested(part.get("output"))


def _find_message_parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _iter_nested(body.get("messages"))
    yield from _iter_nested(body.get("system"))


def _find_input_parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _iter_nested(body.get("input"))


def _find_google_parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("contents", "systemInstruction", "system_instruction"):
        for content in _iter_objects(body.get(name)):
            for part in _iter_objects(content.get("parts")):
                yield part
                answer = part.get("functionResponse") or part.get("function_response")
                if isinstance(answer, dict):
                    yield from _iter_objects(answer.get("parts"))


_PART_FINDERS: Final[
    Mapping[Dialect, Callable[[Mapping[str, Any]], Iterator[Mapping[str, Any]]]]
] = {
    Dialect.CHAT: _find_message_parts,
    Dialect.RESPONSES: _find_input_parts,
    Dialect.MESSAGES: _find_message_parts,
    Dialect.GENERATE: _find_google_parts,
}

_URL_KEYS: Final = ("image_url", "video_url", "audio_url", "file_url")
_REFERENCE_KEYS: Final = ("file_id", "fileData", "file_uri", "fileUri")


def _check_part(part: Mapping[str, Any]) -> None:
    """Refuse media the provider would have to fetch or look up."""
    source = next(_iter_objects(part.get("source")), {})
    for holder in (part, source, *_iter_objects(part.get("file"))):
        if any(holder.get(key) for key in _REFERENCE_KEYS) or not _is_inline(holder):
            raise RefusedError(403, _MEDIA_WORDS)
    is_elsewhere = source.get("type") in ("url", "file") or part.get("type") in _STORED_PARTS
    if is_elsewhere:
        raise RefusedError(403, _MEDIA_WORDS)


_MEDIA_WORDS: Final = "Only media inside the request is allowed here: no URL, no stored file."
_STORED_PARTS: Final = ("item_reference", "container_upload")


def _is_inline(holder: Mapping[str, Any]) -> bool:
    """Whether all media of ``holder`` are in it: ``data:`` URLs, or bare base64 as file data."""
    values = [holder[key] for key in _URL_KEYS if holder.get(key)]
    urls = [value.get("url") if isinstance(value, dict) else value for value in values]
    content = holder.get("file_data")
    if isinstance(content, str) and ":" in content:
        urls.append(content)
    elif isinstance(content, dict):  # Google's, which is a reference
        return False
    return all(isinstance(url, str) and url.startswith("data:") for url in urls)
