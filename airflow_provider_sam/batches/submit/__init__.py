"""From requests to one batch each, submitted once."""
