"""The command `repro`: one file per command."""
