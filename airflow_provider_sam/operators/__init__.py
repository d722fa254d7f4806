"""Operators create: messages and batches."""
