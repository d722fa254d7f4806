"""The sensor waits."""
