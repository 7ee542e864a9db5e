"""Finds OpenCode's binary and its catalogue of a provider's models.

Both mean reading all of a large file, which a thread can do while something else is prepared.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.gateway.providers.catalogue import CatalogueProvider, read_catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOpenCode:
    """OpenCode's verified binary, and its catalogue of one provider."""

    binary: OpenCodeBinary
    catalogue: CatalogueProvider | None

    @property
    def path(self) -> Path:
        """The path of the binary."""
        return self.binary.path


def find(find_opencode: Callable[[], OpenCodeBinary], provider: str) -> FoundOpenCode:
    """Find both; raises what ``find_opencode`` raises."""
    binary = find_opencode()
    return FoundOpenCode(binary=binary, catalogue=read_catalogue(binary.path, provider))


def start_lookup(
    find_opencode: Callable[[], OpenCodeBinary], provider: str
) -> Future[FoundOpenCode]:
    """Do the same in a thread, which Python waits for when it exits: nothing is left half done."""
    future: Future[FoundOpenCode] = Future()

    def work() -> None:
        try:
            future.set_result(find(find_opencode, provider))
        except BaseException as error:  # noqa: BLE001 - for whoever asks for the result
            future.set_exception(error)

    Thread(target=work, name="agentfix-opencode").start()
    return future
