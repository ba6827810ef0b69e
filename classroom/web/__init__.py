"""What app.py stands on: reading requests, wording the status, answering errors."""
