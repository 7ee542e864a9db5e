"""The first steps of the repair process: the paths for imports, then all that repairs."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.messages import CleanUp, Refused, Start, Trouble

_PROCESS: Final = "pytest_agentfix.runtime.process"  # heavy: not before the paths are known


def begin(channel: Channel) -> None:
    """Do what the first message says, and end this process with all that it has started."""
    code = 1
    try:
        first = channel.receive()
        if isinstance(first, (Start, CleanUp)):
            sys.path += [path for path in first.paths if path not in sys.path]
            import_module(_PROCESS).serve(channel, first)
            code = 0
    except Exception as error:  # noqa: BLE001 - nobody else would hear of it
        with suppress(OSError):
            channel.send(Refused(trouble=Trouble(kind=type(error).__name__, problem=str(error))))
    finally:
        channel.close()
        if os.getsid(0) == os.getpgrp():  # a session of its own, as it is started
            os.killpg(0, signal.SIGKILL)  # and whatever it does not wait for any more
        os._exit(code)
