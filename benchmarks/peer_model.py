"""One scripted model for all peers: it gives the same answers in each one's own form.

It looks at the wrong line if it has not been shown it, corrects it, runs the test once where the
peer leaves that to the model, and is done. So what a peer pays is what its prompts and its way of
working make it pay, and not what a model happened to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.testing.scripted_model.conversation import Conversation
from pytest_agentfix.testing.scripted_model.replies import HARMLESS, Call, Reply, Say, edits, reads

THOUGHT = "The wrong line is clear."  # mini-swe-agent asks for words beside a call


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """The wrong line of the file, as it is and as it should be, and the test that sees it."""

    top: Path
    file: str
    old: str
    new: str
    python: str
    test: str

    @property
    def corrected(self) -> str:
        """The whole file without the mistake."""
        return (self.top / self.file).read_text("utf-8").replace(self.old, self.new)

    @property
    def run_test(self) -> str:
        """The shell command that runs the test."""
        return f"{self.python} -m pytest -q {self.test}"


class AnyPeer:
    """A script that corrects ``mistake`` in the form of the peer that asks."""

    def __init__(self, mistake: Mistake) -> None:
        self._mistake = mistake

    def __call__(self, conversation: Conversation) -> Reply:
        """Choose the reply for ``conversation``."""
        if not conversation.has_tools:
            return self._answer_in_words(conversation)
        steps = self._plan(conversation)
        return steps[conversation.step] if conversation.step < len(steps) else HARMLESS

    def _answer_in_words(self, conversation: Conversation) -> Reply:
        """Answer in aider's form: whole files, and the commit message it asks for as well."""
        said = json.dumps(conversation.body)
        if "commit message" in said:
            return Say("fix: correct the rate")
        if self._mistake.file not in said:
            return HARMLESS
        return Say(f"{THOUGHT}\n\n{self._mistake.file}\n```\n{self._mistake.corrected}```\n")

    def _plan(self, conversation: Conversation) -> list[Reply]:
        is_shown = any(self._mistake.old in prompt for prompt in conversation.prompts)
        has_edit_tool = "edit" in conversation.tools
        look, correct, test, *done = self._with_tools() if has_edit_tool else self._with_shell()
        return [*([] if is_shown else [look]), correct, test, *done]

    def _with_tools(self) -> list[Reply]:
        """Answer in OpenCode's form: tool calls."""
        path = str(self._mistake.top / self._mistake.file)
        command = {"command": self._mistake.run_test, "description": "Runs the test"}
        return [
            reads(path),
            edits(path, self._mistake.old, self._mistake.new),
            Call("bash", command),
            Say("Done."),
        ]

    def _with_shell(self) -> list[Reply]:
        """Answer in mini-swe-agent's form: one shell command for each answer."""
        mistake = self._mistake
        commands = [
            f"cat {mistake.file}",
            f"sed -i 's/{mistake.old}/{mistake.new}/' {mistake.file}",
            mistake.run_test,
            "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT",
        ]
        return [Call("bash", {"command": command}, THOUGHT) for command in commands]
