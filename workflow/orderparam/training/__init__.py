"""Training a job: its runs, engines, optimizer, schedule, snapshots. Imports settings, text, model,
measuring.
"""
