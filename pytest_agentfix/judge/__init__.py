"""The judge: decides about a change set by running tests in sandboxes the agent never touched."""
