"""Does the difference exceed the noise?"""
