"""The one error with which the gateway's policy says no."""

from __future__ import annotations


class RefusedError(Exception):
    """The request does not pass; ``status`` and words for the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
