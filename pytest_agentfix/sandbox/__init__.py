"""The box: a container without a network, around one throw-away workspace, and its one pipe."""
