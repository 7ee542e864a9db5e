"""The model's only door: host-side, it holds the key, the policy and the counters."""

from pytest_agentfix.gateway.line import GatewayTimeouts
from pytest_agentfix.gateway.model_gateway import ModelGateway
from pytest_agentfix.gateway.providers import PROVIDERS, Dialect, ProviderRow
from pytest_agentfix.gateway.upstream import Upstream, choose_upstream

__all__ = [
    "PROVIDERS",
    "Dialect",
    "GatewayTimeouts",
    "ModelGateway",
    "ProviderRow",
    "Upstream",
    "choose_upstream",
]
