"""./lab drill: does what breaks clusters to a private one, and states what was lost."""
