"""Drives the workers in rounds and writes down what came of it."""
