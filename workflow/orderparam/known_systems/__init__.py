"""Ising and Potts models, deep linear nets, Hopfield networks: their answers are known, and calibrate the
analysis. Imports analysis.
"""
