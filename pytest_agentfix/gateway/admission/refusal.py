"""The error by which the gateway's policy refuses a request."""

from __future__ import annotations


class RefusedError(Exception):
    """The request is refused; ``status`` and ``message`` go into the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
