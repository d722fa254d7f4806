"""Measurements beside other programs, in one run on one machine. Their figures are ratios; nothing here is a test."""
