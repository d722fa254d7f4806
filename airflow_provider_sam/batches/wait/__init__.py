"""From batches to an event: how the shared poll goes about its work."""
