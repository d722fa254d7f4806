"""The decisions about message batches, apart from Airflow and from the connection they run on."""
