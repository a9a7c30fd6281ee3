"""Did both arms run on the same software?"""
