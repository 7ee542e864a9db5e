"""Admits requests: one method, one path, the run's own models (pure).

The sandbox may send anything. The policy on bodies is in ``body``.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from pytest_agentfix.core.tool_text import ToolText
from pytest_agentfix.gateway.admission.body import clean_body
from pytest_agentfix.gateway.admission.headers import iter_forwarded
from pytest_agentfix.gateway.admission.json_body import parse_body, write_body
from pytest_agentfix.gateway.admission.media_count import count_media
from pytest_agentfix.gateway.admission.output_limits import cut_output
from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.admission.tool_texts import shorten_tools
from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.gateway.providers.upstream import Upstream

__all__ = ["Admission", "RefusedError", "Request", "admit", "cut_answer"]

_CUT_LIMIT: Final = 4_000_000  # bytes of a body; parsing a bigger one once more costs too much


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A complete request as the sandbox sent it. Header names are in lower case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def list_values(self, name: str) -> list[str]:
        """Return all values of the header ``name``."""
        return [value for header, value in self.headers if header == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """An admitted request: everything that is sent upstream, except the key.

    For the ledger: the ``model`` requested, the most tokens of the answer (``max_output``), those
    that it may be cut to (``least_output``; the same if it cannot be cut), the number of
    ``images``, and ``is_measurable``, false if it holds media with unknown tokens.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    model: str
    max_output: int
    least_output: int
    images: int = 0
    is_measurable: bool = True


def admit(
    request: Request,
    upstream: Upstream,
    *,
    token: str,
    tool_texts: Mapping[str, ToolText] = MappingProxyType({}),
) -> Admission:
    """Return ``request`` as it is sent upstream, without the key; raises ``RefusedError``.

    ``tool_texts`` replace the agent's own words for its tools.
    """
    row = upstream.row
    _check_token(request, upstream, token)
    models = _map_targets(upstream).get(request.target, ())
    if request.method != "POST" or not models:
        raise RefusedError(403, "Only the request that the model needs is allowed here.")
    _check_framing(request)
    body = parse_body(request.body)
    model = _choose_model(body, models, row.protocol)
    clean = clean_body(
        body,
        protocol=row.protocol,
        output_limit=upstream.output_limit,
        has_completion_cap=row.has_completion_cap,
    )
    media = count_media(clean.fields, row.protocol)
    shorten_tools(clean.fields, tool_texts)
    written = write_body({**clean.fields, **row.fixed_fields})
    return Admission(
        url=upstream.base_url + row.build_endpoint(model),
        headers=tuple(iter_forwarded(request.headers, allowed=row.forwarded_headers)),
        body=written,
        model=model,
        max_output=clean.max_output,
        least_output=clean.least_output if len(written) <= _CUT_LIMIT else clean.max_output,
        images=media.images,
        is_measurable=media.is_measurable,
    )


def cut_answer(admission: Admission, most: int, protocol: WireProtocol) -> Admission:
    """Return ``admission`` with an answer of at most ``most`` tokens (at least the least)."""
    if most >= admission.max_output:
        return admission
    body = json.loads(admission.body)
    cut_output(body, protocol=protocol, most=most)
    return replace(admission, body=write_body(body), max_output=most)


def _check_token(request: Request, upstream: Upstream, token: str) -> None:
    values = request.list_values(upstream.row.key_header)
    expected = upstream.row.format_key(token).encode()
    given = values[0].encode("utf-8", "surrogateescape") if len(values) == 1 else b""
    if not hmac.compare_digest(given, expected):
        raise RefusedError(401, "The credential is not this run's.")


def _map_targets(upstream: Upstream) -> Mapping[str, tuple[str, ...]]:
    """Return the models that may be requested at each target."""
    models = tuple(model for model in (upstream.model, upstream.small_model) if model)
    if upstream.row.protocol is WireProtocol.GENERATE:
        return {upstream.row.build_target(model): (model,) for model in models}
    return {upstream.row.build_target(upstream.model): models}


def _choose_model(body: Mapping[str, Any], models: Sequence[str], protocol: WireProtocol) -> str:
    """Return the requested model, named by the path in Google's protocol, else by the body."""
    if protocol is WireProtocol.GENERATE:
        return models[0]
    model = body.get("model")
    if not isinstance(model, str) or model not in models:
        raise RefusedError(403, "Only the model of this run is allowed here.")
    return model


def _check_framing(request: Request) -> None:
    """Refuse bodies whose length or form two parsers could read differently."""
    if request.list_values("transfer-encoding") and request.list_values("content-length"):
        raise RefusedError(400, "The body's length is given twice.")
    if any(value.strip() != "identity" for value in request.list_values("content-encoding")):
        raise RefusedError(400, "The body must not be compressed.")
    types = request.list_values("content-type")
    if len(types) != 1 or types[0].split(";")[0].strip().lower() != "application/json":
        raise RefusedError(400, "The body must be JSON.")
