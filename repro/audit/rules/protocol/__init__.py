"""Were both arms trained and scored in the same way?"""
