"""From tables to tables: derivative, slopes, escape, fluctuations, scaling, published values. Imports no
other room.
"""
