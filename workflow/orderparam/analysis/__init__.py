"""From tables to tables: derivative, slopes, escape, collapse, scaling, published values. Imports no
other room.
"""
