"""The cost of pipe and gateway: time to the first byte, and bytes a second.

The same client asks the same stub of a provider twice: directly, and from inside a real sandbox
through pipe and gateway. Both figures come from this one run, because machines are shared and
noisy. The stub, the gateway and the client are processes of their own, as they are in use.

    python benchmarks/gateway.py [--rounds N] [--megabytes N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from empty_workspace import EmptyWorkspace

from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.ports import MODEL_PORT, Command
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.providers.registry import COMPATIBLE
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxPlan
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, Engine
from pytest_agentfix.sandbox.environments import choose_environment

TOKEN = "benchmark-token"
STREAMS = (1, 16)

# A provider that answers with as many bytes of events as it is asked for in the message.
STUB = r"""
import re, socket, threading, time

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 950 + b'"}}]}\n\n'
BLOCK = EVENT * (65536 // len(EVENT))
USAGE = (b'data: {"choices":[],"usage":{"prompt_tokens":99,"completion_tokens":31000}}\n\n'
         b"data: [DONE]\n\n")
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")

def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)

def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    file = connection.makefile("rb")
    while True:
        length, line = 0, file.readline()
        if not line:
            return
        while line.strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            line = file.readline()
        order = re.search(rb"bytes=(\d+) wait=([\d.]+)", file.read(length))
        wanted = int(order.group(1))
        time.sleep(float(order.group(2)))
        connection.sendall(HEAD + chunk(EVENT))
        block = chunk(BLOCK)
        for _ in range(wanted // len(BLOCK)):
            connection.sendall(block)
        connection.sendall(chunk(USAGE) + b"0\r\n\r\n")

server = socket.create_server(("127.0.0.1", 0), backlog=64)
print(server.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

# Asks from several threads at once and prints what it saw. Standard library only: runs inside too.
CLIENT = r"""
import http.client, json, random, sys, threading, time

port, streams, size, rounds, is_paced = map(int, sys.argv[1:6])
token = sys.argv[6]
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token}
first, received = [], []

def ask(connection):
    wait = random.uniform(0.05, 0.25) if is_paced else 0.0
    order = {"role": "user", "content": "bytes=%d wait=%.3f" % (size, wait)}
    raw = json.dumps({"model": "stub", "stream": True, "messages": [order]}).encode()
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", raw, headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    count = len(answer.read1(65536))
    seconds = time.perf_counter() - began - wait
    buffer = bytearray(262144)
    while True:
        more = answer.readinto(buffer)
        if not more:
            return seconds, count
        count += more

def run(gate):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    ask(connection) if not size else connection.connect()
    gate.wait()
    for _ in range(rounds):
        seconds, count = ask(connection)
        first.append(seconds)
        received.append(count)

gate = threading.Barrier(streams + 1)
threads = [threading.Thread(target=run, args=(gate,)) for _ in range(streams)]
for thread in threads:
    thread.start()
gate.wait()
began = time.perf_counter()
for thread in threads:
    thread.join()
seconds = time.perf_counter() - began
print(json.dumps({"first": first, "bytes": sum(received), "seconds": seconds}))
"""


@contextmanager
def stub_provider() -> Iterator[int]:
    """Run a provider in a process of its own, and yield its port."""
    with subprocess.Popen([sys.executable, "-c", STUB], stdout=subprocess.PIPE, text=True) as stub:
        try:
            yield int(stub.stdout.readline())  # type: ignore[union-attr]
        finally:
            stub.kill()


class GatewaySetup:
    """One sandbox with a gateway, and the direct way around both."""

    def __init__(self, sandbox: ContainerSandbox, top: Path, python: Path, stub: int) -> None:
        self._sandbox = sandbox
        self._top = top
        self._python = python
        self._stub = stub

    def ask(
        self, *, is_direct: bool, streams: int, size: int, rounds: int, is_paced: bool
    ) -> dict[str, Any]:
        """Run the client; return the seconds to first bytes, all bytes, and all seconds."""
        port = self._stub if is_direct else MODEL_PORT
        numbers = (port, streams, size, rounds, int(is_paced))
        arguments = [*map(str, numbers), TOKEN]
        if is_direct:
            argv = [sys.executable, "-c", CLIENT, *arguments]
            printed = subprocess.run(argv, capture_output=True, check=True).stdout
        else:
            command = Command(argv=[str(self._python), "-c", CLIENT, *arguments], cwd=self._top)
            done = self._sandbox.run(command, timeout=600)
            if done.code:
                raise SystemExit(done.stderr.decode())
            printed = done.stdout
        found: dict[str, Any] = json.loads(printed)
        return found


@contextmanager
def open_setup() -> Iterator[GatewaySetup]:
    """Start a stub, a gateway to it and a sandbox in front of that."""
    engine = Engine.connect()
    top = Path(tempfile.gettempdir(), "agentfix-benchmark")
    environment = choose_environment(Settings(environment="mirror"), engine, top=top)
    labels = {SESSION_LABEL: "benchmark", OWNER_LABEL: "benchmark"}
    plan = SandboxPlan(environment=environment, top=top, labels=labels)
    with stub_provider() as port:
        upstream = Upstream(
            provider="stub",
            model="stub",
            base_url=f"http://127.0.0.1:{port}/v1",
            key="sk-benchmark-key",
            key_source="",
            row=COMPATIBLE,
        )
        gateway = ModelGateway(upstream, token=TOKEN)
        gateway.begin(deadline=10.0**9)
        copy = EmptyWorkspace(environment.user)
        with ContainerSandbox(
            engine, plan, copy, read_changes=Collected, accept=gateway.handle
        ) as sandbox:
            sandbox.listen(MODEL_PORT)
            yield GatewaySetup(sandbox, top, environment.python, port)
        gateway.close()


def measure_first_byte(
    setup: GatewaySetup, streams: int, rounds: int, *, is_paced: bool
) -> dict[str, Any]:
    """Measure milliseconds to the first byte of an answer, on connections that are open.

    Paced: each answer begins after 50 to 250 ms, as if a model had to think; that time is taken
    off. Otherwise all streams ask again at once, and what is measured is a queue.
    """
    medians = {}
    for way in ("direct", "through"):
        seen = setup.ask(
            is_direct=way == "direct", streams=streams, size=0, rounds=rounds, is_paced=is_paced
        )
        medians[way] = 1000 * statistics.median(seen["first"])
    return {
        "direct_ms": round(medians["direct"], 2),
        "through_ms": round(medians["through"], 2),
        "added_ms": round(medians["through"] - medians["direct"], 2),
        **({"goal": "under 10 ms added"} if is_paced else {}),
    }


def measure_throughput(setup: GatewaySetup, streams: int, megabytes: int) -> dict[str, Any]:
    """Measure the megabytes a second of all streams together."""
    size = megabytes * 1_000_000 // streams
    rates = {}
    for way in ("direct", "through"):
        seen = setup.ask(
            is_direct=way == "direct", streams=streams, size=size, rounds=1, is_paced=False
        )
        rates[way] = seen["bytes"] / seen["seconds"] / 1_000_000
    return {
        "direct_mb_per_s": round(rates["direct"], 1),
        "through_mb_per_s": round(rates["through"], 1),
        "ratio": round(rates["through"] / rates["direct"], 3),
        "goal": "at least 50 MB/s in all",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="answers per stream and figure")
    parser.add_argument("--megabytes", type=int, default=200, help="bytes of all streams together")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with open_setup() as setup:
        for streams in STREAMS:
            figures[f"{streams}_streams"] = {
                "first_byte": measure_first_byte(setup, streams, arguments.rounds, is_paced=True),
                "first_byte_back_to_back": measure_first_byte(
                    setup, streams, arguments.rounds, is_paced=False
                ),
                "throughput": measure_throughput(setup, streams, arguments.megabytes),
            }
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
