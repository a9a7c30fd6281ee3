"""`python -m repro` is the command `repro`."""

from repro.cli.main import main

main()
