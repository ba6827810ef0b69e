"""What stands behind app.py, tasks.py and the command ./lab."""
