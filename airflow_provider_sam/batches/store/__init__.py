"""What is remembered of submissions, and which task holds which batch."""
