"""The ledger of claims: each is judged by a test on tables. Imports settings and analysis."""
