"""Rows: a table and a recipe become requests; results and the table become a table."""
