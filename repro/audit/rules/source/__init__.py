"""Is the code of every run known, and can it be brought back?"""
