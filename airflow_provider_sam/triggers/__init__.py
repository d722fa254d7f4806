"""Triggers wait where waiting costs nothing."""
