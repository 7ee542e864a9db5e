"""The model's only door: host-side, it holds the key, the policy and the counters."""

from pytest_agentfix.gateway.model_gateway import ModelGateway
from pytest_agentfix.gateway.providers.table import PROVIDERS, Dialect, ProviderRow
from pytest_agentfix.gateway.providers.upstream import Upstream, choose_upstream
from pytest_agentfix.gateway.serving.wire import GatewayTimeouts

__all__ = [
    "PROVIDERS",
    "Dialect",
    "GatewayTimeouts",
    "ModelGateway",
    "ProviderRow",
    "Upstream",
    "choose_upstream",
]
