"""One module per subject: the project, its cheats and its honest fixes."""
