"""Model providers: the choice of a model, its endpoint, its protocol and its key."""
