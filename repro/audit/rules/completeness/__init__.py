"""Is everything there that the claim needs?"""
