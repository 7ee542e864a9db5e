"""The model's only door: host-side, it holds the key, the policy and the counters."""
