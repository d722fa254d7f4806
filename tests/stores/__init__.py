"""Tests on real object stores, through the provider's own Airflow connections."""
