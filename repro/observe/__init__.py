"""How facts are looked at. With `determinism`, the only place that touches live objects."""
