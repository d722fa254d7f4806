"""Answers become the columns of a table, beside the rows that were asked about."""
