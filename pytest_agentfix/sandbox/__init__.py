"""The box: a container without a network around one throw-away workspace, and the one pipe into it."""
