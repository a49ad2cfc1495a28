"""Recorded runs: read, checked whenever they are read, added to. Imports settings, text, training,
measuring, analysis.
"""
