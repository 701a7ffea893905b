"""Blocks and models that the lessons build: built in the open once, imported from then on."""
