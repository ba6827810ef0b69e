"""./lab grade: every submission of a class, each checked in a sandbox of its own."""
