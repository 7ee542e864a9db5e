"""The policy on the sandbox's requests: refused, cut down or passed on. Pure."""
