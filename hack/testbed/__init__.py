"""A test stand for the operator: a real API server and etcd, a played KServe and Gateway, a scripted Prometheus."""
