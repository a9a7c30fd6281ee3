"""Were both arms given the same data, and learned from no evaluation row?"""
