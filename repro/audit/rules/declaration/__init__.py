"""Do the arms differ by the declared treatment, and by nothing else?"""
