"""The repair of one cluster after the other: the loop, clustering, the merge queue."""
