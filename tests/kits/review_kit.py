"""A scripted model that repairs, and is asked for a second opinion as well."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.model_server import RecordedRequest
from pytest_agentfix.testing.scripted_model.replies import Conversation, Reply, Say, Script

GENERAL = Say("GENERAL\nIt adds any two numbers.")
SPECIAL_CASE = Say("SPECIAL-CASE\nIt is wrong for 4 and 5.")


class Reviewed:
    """A script that gives ``opinions`` in order to whom it offers no tools; ``script`` repairs."""

    def __init__(self, script: Script, *opinions: Reply) -> None:
        self._script = script
        self._opinions = iter(opinions)

    def __call__(self, conversation: Conversation) -> Reply:
        """Choose the reply for ``conversation``."""
        if conversation.has_tools:
            return self._script(conversation)
        return next(self._opinions)


def list_reviews(model: ScriptedModel) -> Sequence[RecordedRequest]:
    """Return the requests for a second opinion: those without tools."""
    return [request for request in model.requests if not request.conversation.has_tools]
