"""How a machine joins the cluster with one line: what the web server serves for it."""
