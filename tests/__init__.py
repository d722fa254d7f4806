"""The suite mirrors the package file for file; `deployment` beside it works on whole Airflows."""
