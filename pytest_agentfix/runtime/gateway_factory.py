"""Makes the gateway of each cluster; budget, recording and replay belong to the run."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.tool_texts import TOOL_TEXTS
from pytest_agentfix.core import figures
from pytest_agentfix.core.errors import KeyMissingError
from pytest_agentfix.core.ports import Clock
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.cassettes import PathPlaceholders, Recording, Replay
from pytest_agentfix.gateway.cassettes.replayed_model import ReplayClock
from pytest_agentfix.gateway.gateway import ModelGateway, SenderFactory, make_sender_factory
from pytest_agentfix.gateway.http.connection import Sender
from pytest_agentfix.gateway.http.key_filter import is_secret
from pytest_agentfix.gateway.http.traffic_log import TrafficLog, silent_library
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.gateway.providers.catalogue import CatalogueProvider, read_catalogue
from pytest_agentfix.gateway.providers.key_command import unlock
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.secret_discovery import find_secrets
from pytest_agentfix.gateway.spending.daily_ledger import DailyLedger
from pytest_agentfix.gateway.spending.ledger import Account, Ledger
from pytest_agentfix.gateway.spending.tariffs import (
    check_prices,
    limit_output,
    make_caps,
    make_tariff,
)
from pytest_agentfix.gateway.spending.token_estimate import PromptEstimators
from pytest_agentfix.runtime.cluster_scope import model_access


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext:
    """Facts that the gateways of a run need beside the settings."""

    opencode: Path  # the binary, whose catalogue knows prices and limits
    cache: Path  # folder of the daily ledger
    top: Path  # the repository's
    environ: Mapping[str, str]
    # Entries of the binary's catalogue that were read already, by provider.
    catalogues: Mapping[str, CatalogueProvider | None] = field(default_factory=dict)
    replay: Replay | None = None


class GatewayFactory:
    """The gateways of one run. Raises ``AgentFixError`` from ``open`` where a model cannot be used.

    All sandboxes of a run send the same token. It is good for nothing but their own pipe.
    """

    def __init__(
        self, settings: Settings, context: GatewayContext, *, clock: Clock, token: str
    ) -> None:
        self._settings = settings
        self._context = context
        self._clock = clock = ReplayClock() if context.replay else clock
        self._token = token
        self._lock = threading.Lock()
        self._secrets = (self._token, *find_secrets(context.environ))
        self._recording: Recording | None = None
        self._opened: list[ModelGateway] = []
        self._catalogues = dict(context.catalogues)
        self._printed: dict[tuple[str, ...], str | KeyMissingError] = {}  # by commands for keys
        caps = make_caps(settings)
        is_capped_by_day = any(caps.iter_scope("day"))
        # A replay spends nothing, so nothing of it is kept.
        day = (
            None
            if context.replay
            else DailyLedger(context.cache, clock=clock, is_needed=is_capped_by_day)
        )
        self.ledger = Ledger(caps, clock=clock, day=day)
        self._estimators = PromptEstimators()
        self._placeholders = make_placeholders(context.top)

    def open(
        self, upstream: Upstream, account: Account | None = None
    ) -> tuple[ModelGateway, ModelEndpoint]:
        """Return a cluster's gateway to ``upstream`` and the endpoint for its agent.

        ``account`` is the cluster's in the ledger if it has another gateway already.
        """
        with self._lock:  # a command for a key is run once, and a binary read once
            return self._open(upstream, account)

    def describe(self, upstream: Upstream) -> ModelEndpoint:
        """Return the endpoint for an agent before there is a gateway for it."""
        with self._lock:
            return self._describe(upstream)

    def _describe(self, upstream: Upstream) -> ModelEndpoint:
        catalogue = self._read_catalogue(upstream.provider)
        known = catalogue.models.get(upstream.model) if catalogue else None
        return model_access(upstream, self._token, known)

    def _open(
        self, upstream: Upstream, account: Account | None
    ) -> tuple[ModelGateway, ModelEndpoint]:
        catalogue = self._read_catalogue(upstream.provider)
        upstream = limit_output(upstream, catalogue)
        tariff = make_tariff(upstream, catalogue, self._settings.price)
        check_prices(upstream, tariff, self.ledger.caps)
        if self._context.replay is None:
            upstream = self._unlock(upstream)
        if is_secret(upstream.key) and upstream.key not in self._secrets:
            self._secrets += (upstream.key,)  # a marker's model may have another key
        gateway = ModelGateway(
            upstream,
            token=self._token,
            clock=self._clock,
            timeouts=self._timeouts,
            ledger=self.ledger,
            account=account,
            tariff=tariff,
            estimators=self._estimators,
            tool_texts=TOOL_TEXTS,
            open_sender=self._make_sender(upstream),
            log=TrafficLog(has_bodies=self._settings.is_verbose, secrets=self._secrets),
        )
        self._opened.append(gateway)
        return gateway, self._describe(upstream)

    def _read_catalogue(self, provider: str) -> CatalogueProvider | None:
        """Return OpenCode's catalogue of ``provider``; its binary is searched once for each."""
        if provider not in self._catalogues:
            self._catalogues[provider] = read_catalogue(self._context.opencode, provider)
        return self._catalogues[provider]

    def _unlock(self, upstream: Upstream) -> Upstream:
        """Return ``upstream`` with its key. A command for it is run once, whatever it gives."""
        words = upstream.key_command
        if not words:
            return upstream
        if words not in self._printed:
            try:
                self._printed[words] = unlock(upstream).key
            except KeyMissingError as error:
                self._printed[words] = error
        found = self._printed[words]
        if isinstance(found, KeyMissingError):
            raise KeyMissingError(found.problem, found.next_step)
        return replace(upstream, key=found, key_command=())

    def close(self, gateway: ModelGateway) -> None:
        """End one gateway; twice is fine."""
        gateway.close()
        with self._lock:
            if gateway in self._opened:
                self._opened.remove(gateway)

    def close_all(self) -> None:
        """End all that are still open; twice is fine."""
        for gateway in list(self._opened):
            self.close(gateway)
        if self._recording is not None:
            self._recording.close()

    def notices(self) -> Iterator[str]:
        """Yield what the user should know of the cassette, once the run is over."""
        replay, recording = self._context.replay, self._recording
        if replay is not None:
            yield f"answers were replayed from {self._settings.replay}: no model was asked"
            if unused := replay.unused():
                recorded = figures.count(replay.count, "recorded answer")
                yield f"{unused} of {recorded} not asked for"
        if recording is not None and recording.trouble:
            yield recording.trouble
        elif recording is not None and recording.count:
            answers = figures.count(recording.count, "model answer")
            yield f"{answers} recorded in {self._settings.record}"

    @property
    def _timeouts(self) -> GatewayTimeouts:
        return GatewayTimeouts(**dict(self._settings.model_timeouts))

    def _make_sender(self, upstream: Upstream) -> SenderFactory:
        replay = self._context.replay
        if replay is not None:
            return lambda _check: nullcontext(replay.open(self._placeholders, self._secrets))
        line = make_sender_factory(upstream, clock=self._clock, timeouts=self._timeouts)
        is_recorded = self._settings.record is not None
        return _listen(line, self._open_recording(upstream) if is_recorded else None)

    def _open_recording(self, upstream: Upstream) -> Recording:
        if self._recording is None:
            assert self._settings.record is not None
            self._recording = Recording(
                self._settings.record,
                provider=upstream.provider,
                model=upstream.model,
                protocol=upstream.row.protocol.value,
                placeholders=self._placeholders,
            )
        self._recording.add_secrets(self._secrets)
        return self._recording


def make_placeholders(top: Path) -> PathPlaceholders:
    """Return placeholders for paths that differ between machines and that agents see."""
    return PathPlaceholders(
        top=top,
        common=frozenset({"/usr", "/usr/local", "/tmp"}),  # noqa: S108 - a name to look for
        others={
            "top-real": top.resolve(),
            "python": sys.prefix,
            "base-python": sys.base_prefix,
            "home": Path.home(),
            "tmp": tempfile.gettempdir(),
        },
    )


def _listen(line: SenderFactory, recording: Recording | None) -> SenderFactory:
    @contextmanager
    def open_poster(check: Callable[[], None]) -> Iterator[Sender]:
        with silent_library(), line(check) as sender:
            yield sender if recording is None else recording.wrap(sender)

    return open_poster
