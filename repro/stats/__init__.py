"""Statistics of a comparison, one file per question. Pure functions; scipy is imported on use."""
