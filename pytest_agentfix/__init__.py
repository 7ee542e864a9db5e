"""Repair failing tests: a sandboxed coding agent, a judge it cannot fool, one commit per cause."""
