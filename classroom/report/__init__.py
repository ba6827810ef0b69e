"""./lab report: what ran, where and when, as one file to hand in."""
