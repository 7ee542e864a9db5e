"""A background process whose work is a list of steps, and whose words are read from a FIFO.

The FIFO has one writer, the background process's process: its end is the process's end.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pytest_agentfix.runtime.background.handover import Job, PlainTransfer, Transfer
from pytest_agentfix.runtime.background.outbox import Outbox

PATIENCE = 120.0
Step = tuple[str, str]


def open_descriptors() -> set[str]:
    """The numbers of this process's descriptors, without those that nobody refers to any more."""
    gc.collect()
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def order(fifo: Path, *steps: Step) -> Job:
    """An order for ``follow``: each step is an action and what it is about."""
    return Job(work="tests.kits.standby_kit:follow", facts={"fifo": str(fifo), "steps": steps})


def follow(facts: object, outbox: Outbox) -> None:
    """The work, in the background process's process."""
    script = cast("dict[str, Any]", facts)
    work = ScriptedWork(os.open(script["fifo"], os.O_WRONLY), outbox)
    outbox.on_parent_death(lambda: work.say("at loss"))
    for action, about in script["steps"]:
        getattr(work, action)(about)


class ScriptedWork:
    """One method for each action."""

    def __init__(self, words: int, outbox: Outbox) -> None:
        self.words = words
        self.outbox = outbox

    def say(self, words: str) -> None:
        os.write(self.words, f"{words}\n".encode())

    def begin(self, name: str) -> None:
        self.outbox.announce(name)

    def offer(self, name: str) -> None:
        self.outbox.publish(name, ScriptedOffer(self, name))
        self.say(f"offered {name}")

    def offer_and_tell(self, name: str) -> None:
        self.outbox.publish(name, TellingOffer(self, name))
        self.say(f"offered {name}")

    def offer_facts(self, name: str) -> None:
        self.outbox.publish(
            name, PlainTransfer({"of": name, "path": Path("/x"), "set": frozenset({1})})
        )

    def offer_environment(self, name: str) -> None:
        self.outbox.publish(name, PlainTransfer(dict(os.environ)))

    def offer_big(self, name: str) -> None:
        self.outbox.publish(name, PlainTransfer(b"x" * 5_000_000))

    def offer_what_breaks(self, name: str) -> None:
        self.outbox.publish(name, BreakingOffer(self, name))

    def offer_what_cannot_be_packed(self, name: str) -> None:
        self.outbox.publish(name, PlainTransfer(threading.Lock()))

    def wait_for(self, path: str) -> None:
        """Until something can be read from that FIFO; whether it is wanted is looked at."""
        gate = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        while not select.select([gate], [], [], 0.02)[0]:
            self.outbox.check()

    def wait_for_question(self, _: str) -> None:
        """Until somebody waits for what is not there yet."""
        while not self.outbox.is_waited_for():
            select.select([], [], [], 0.02)

    def hold(self, _: str) -> None:
        """For ever, or until it is not wanted any more."""
        while True:
            self.outbox.check()
            select.select([], [], [], 0.02)

    def start(self, program: str) -> None:
        """A child that nobody waits for; its number is said."""
        child = subprocess.Popen(["/bin/sh", "-c", program], close_fds=True)
        self.say(str(child.pid))

    def hang(self, _: str) -> None:
        """For ever, whatever is wanted."""
        threading.Event().wait()

    def freeze(self, _: str) -> None:
        """The whole process stands still."""
        os.kill(os.getpid(), signal.SIGSTOP)

    def fail(self, words: str) -> None:
        raise ValueError(words)


class ScriptedOffer:
    """Gives its name, and a pipe that its name was written to."""

    def __init__(self, work: ScriptedWork, name: str) -> None:
        self.work = work
        self.name = name

    def hand_over(self) -> Transfer:
        source, sink = os.pipe()
        os.write(sink, self.name.encode())
        os.close(sink)
        return Transfer(facts=self.name, descriptors=(source,))

    def discard(self) -> None:
        self.work.say(f"discarded {self.name}")


class TellingOffer(ScriptedOffer):
    """Says that it is handed over."""

    def hand_over(self) -> Transfer:
        self.work.say(f"handed over {self.name}")
        return super().hand_over()


class BreakingOffer(ScriptedOffer):
    """Cannot be handed over."""

    def hand_over(self) -> Transfer:
        raise ValueError(self.name)


class Words:
    """The lines that the background process writes; ``None`` once it has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._left = b""

    def hear(self) -> str | None:
        """Wait for the next line."""
        while b"\n" not in self._left:
            assert select.select([self._source], [], [], PATIENCE)[0], "nothing is heard"
            data = os.read(self._source, 4096)
            if not data:
                assert not self._left
                return None
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()

    def hear_all(self) -> list[str]:
        """Every line up to the end of the process."""
        return list(iter(self.hear, None))

    def close(self) -> None:
        os.close(self._source)


@contextmanager
def listening(path: Path) -> Iterator[Words]:
    words = Words(path)
    try:
        yield words
    finally:
        words.close()
