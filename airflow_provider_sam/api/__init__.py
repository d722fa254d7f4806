"""The Sam API over HTTP: what can be asked, what comes back, what may be repeated. Knows no Airflow."""
