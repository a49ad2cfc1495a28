"""Training: a job's runs, engines, schedule, snapshots. Imports settings, text, model, measuring."""
