"""Can a run be repeated?"""
