"""Work of a background process on a real engine: a sandbox in which a command is running."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import cast

from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.runtime.background.handover import Job, Transfer
from pytest_agentfix.runtime.background.outbox import Outbox
from pytest_agentfix.sandbox.channels import RunningCommand
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxPlan
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, Engine
from pytest_agentfix.sandbox.environments import choose_environment
from pytest_agentfix.sandbox.scratch import BorrowedScratch, owner_name
from pytest_agentfix.sandbox.workspace import remove_tree
from tests.engine.sandbox_kit import TOP, FolderCopy
from tests.kits.sandbox_contract import CodeRunner

INSIDE, OUTSIDE = 4700, 4601  # ports: where the command listens, and where the host does

# Counts as fast as it can until somebody connects, asks outside, and ends with the answer.
COUNTING = f"""
import socket, threading
server = socket.create_server(("127.0.0.1", {INSIDE}))
connected = threading.Event()
threading.Thread(target=lambda: (server.accept(), connected.set())).start()
count = 0
while not connected.is_set():
    count += 1
    print(count, flush=True)
with socket.create_connection(("127.0.0.1", {OUTSIDE})) as outside:
    outside.sendall(b"which?")
    print("answer:", outside.recv(100).decode(), flush=True)
raise SystemExit(7)
"""


def order(fifo: Path, scratch: Path) -> Job:
    facts = {"fifo": str(fifo), "scratch": scratch}
    return Job(work="tests.engine.background_work:bring_up", facts=facts)


def make_plan(engine: Engine, scratch: Path) -> SandboxPlan:
    return SandboxPlan(
        environment=choose_environment(Settings(), engine, top=TOP),
        top=TOP,
        labels={SESSION_LABEL: scratch.name, OWNER_LABEL: owner_name(scratch.parent)},
    )


class SandboxOffer:
    """A sandbox whose command counts."""

    def __init__(self, sandbox: ContainerSandbox, process: RunningCommand) -> None:
        self._sandbox = sandbox
        self._process = process

    def hand_over(self) -> Transfer:
        state, descriptor = self._sandbox.release()
        facts = {
            "state": state,
            "workspace": self._sandbox.workspace,
            "channel": self._process.channel,
        }
        return Transfer(facts=facts, descriptors=(descriptor,))

    def discard(self) -> None:
        self._sandbox.close()


def bring_up(facts: object, outbox: Outbox) -> None:
    """The work, in the background process's process."""
    known = cast("dict[str, Path]", facts)
    words = os.open(known["fifo"], os.O_WRONLY)
    os.write(words, b"begun\n")
    engine = Engine.connect()
    plan = make_plan(engine, known["scratch"])
    outbox.on_parent_death(lambda: remove_tree(known["scratch"]))
    outbox.announce("sandbox")
    copy = FolderCopy(BorrowedScratch(known["scratch"]).folder("workspace"), plan.environment.user)
    sandbox = ContainerSandbox(
        engine, plan, copy, read_changes=Collected, accept=lambda stream: stream.close()
    )
    sandbox.listen(OUTSIDE)
    runner = CodeRunner(
        sandbox=sandbox,
        folder=TOP,
        python=plan.environment.python,
        env=dict(plan.environment.env),
    )
    process = sandbox.start(runner.command(COUNTING, output_limit=1 << 30))
    assert isinstance(process, RunningCommand)
    while not process.tail():  # until it listens
        time.sleep(0.01)
    outbox.publish("sandbox", SandboxOffer(sandbox, process))
    os.write(words, b"up\n")
