"""What tasks of several kinds share: the base of those that submit, and data that Jinja leaves alone."""
