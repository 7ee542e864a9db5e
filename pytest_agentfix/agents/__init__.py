"""Agents that edit: a folder for each driver."""
