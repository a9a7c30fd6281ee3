"""Was the training done as practice advises? No verdict hangs on these rules."""
