"""Drivers of coding agents: finding OpenCode, starting it in a sandbox, following its turns."""
