"""Where runs are kept: a journal on this machine first, then MLflow."""
