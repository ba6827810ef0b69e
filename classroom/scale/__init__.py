"""./lab scale: runs the same load on more and more workers, and tells how much faster that is."""
