"""Nothing imports it."""

N_UNUSED = 1
