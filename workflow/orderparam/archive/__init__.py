"""The records of long runs in results/recorded/: read and checked, added to. Imports settings, text,
training, measuring, analysis.
"""
