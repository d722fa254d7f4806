"""Connections to the Sam API."""
