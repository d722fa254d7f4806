"""Transfers move data between object storage and the Sam API."""
