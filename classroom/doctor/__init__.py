"""./lab doctor: looks for what usually keeps a class from working, and says how to cure it."""
