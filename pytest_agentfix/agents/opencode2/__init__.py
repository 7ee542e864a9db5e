"""Drives OpenCode 2.x, as its documentation and source say. No binary could be had to try it on."""
