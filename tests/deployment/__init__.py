"""The provider on a real Airflow: what `make demo` and `make airflow` start, and the checks on whole deployments."""
