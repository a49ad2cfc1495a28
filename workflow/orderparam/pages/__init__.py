"""The write-up and the page of claims, from tables, figures and templates. Imports claims and figures."""
