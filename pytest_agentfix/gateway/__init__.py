"""The only way to the model: on the host, with the key, the policy and the counters."""
