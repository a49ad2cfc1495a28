"""The write-up and the page of claims, made of tables, figures and templates. Imports settings, text,
analysis, claims, figures.
"""
