"""The ledger of claims: each claim of config/claims.yaml judged by a test on the tables of an experiment."""
