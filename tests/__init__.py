"""The tests: what each one expects comes from a paper, a sum done by hand, or another library."""
