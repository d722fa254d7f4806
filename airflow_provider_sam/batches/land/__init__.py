"""From results to files and a manifest."""
