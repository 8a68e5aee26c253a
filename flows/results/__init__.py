"""Results: the whole job without Prefect, and its report, MLflow records, console tables and outcome."""
