"""Ising and Potts models with known answers: simulated, solved exactly, and compared."""
