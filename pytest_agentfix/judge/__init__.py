"""Judge change sets by running tests in sandboxes the agent never touched."""
