"""An Apache Airflow provider for the Sam API: messages, message batches, and their results on object storage."""

__version__ = "0.1.0"
