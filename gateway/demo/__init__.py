"""The demo: the gateway shown end to end on one machine, its results judged by verifiers that we did not write."""
