"""The OpenCode driver: finds its binary, starts it in a sandbox, follows its turns."""
