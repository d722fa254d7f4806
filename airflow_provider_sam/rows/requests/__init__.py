"""Rows become requests: a recipe, an identity, a type of answers, and no row twice."""
