"""Systems whose answers are known, on which the analysis is calibrated. Imports analysis."""
