"""The GPT, its plain twin, its linear maps and its diagram. Imports settings."""
