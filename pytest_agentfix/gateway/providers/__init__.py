"""Which model is asked, where it lives, what it speaks and where its key comes from."""
