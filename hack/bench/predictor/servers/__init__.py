"""What is measured: the other servers as their own documentation shows them, and model-free ones.

Each module is a program; all answer KServe's V1 requests at the same path, so that all get the same bytes. All but ours
load the same files with the same classes of transformers: eager, in fp32, with its default attention and tokenizer, and
torch's default of a thread a core. Each has one process with the model, as two copies would share the same two cores.

- KServe SDK: its default settings, access log and tracing lines included, and the custom model of its documentation.
- FastAPI: a plain function per request, which FastAPI runs in its pool of threads; texts padded to 128 tokens.
- LitServe: batches of up to 32, a wait of 5 ms, the fast queue.
- BentoML: adaptive batching, batches of up to 32. It waits as long as it finds worth it, and not as long as it may.
"""
