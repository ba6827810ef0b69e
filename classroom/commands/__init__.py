"""The commands of ./lab, but for those of exercises, which are in classroom/check/."""
