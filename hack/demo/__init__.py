"""The demo: four versions of one model on a real cluster, two of them taken back, told live in the terminal.

`python -m hack.demo` prepares what is missing, plays the story and measures it from outside: what clients saw
comes from the clients, weights from the route, breaches from Prometheus' own samples. Nothing is taken on the
operator's word.
"""
