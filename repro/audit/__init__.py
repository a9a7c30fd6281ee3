"""Rules, applied to the records of a claim; findings; the verdict on whether it may be believed."""
