"""The three graph kernels of SeBS, the serverless benchmark suite: what each makes and returns."""

import random
import time

import igraph

KERNELS = {
    "pagerank": lambda graph: graph.pagerank()[0],
    "mst": lambda graph: graph.spanning_tree(None, False)[0],
    "bfs": lambda graph: graph.bfs(0),
}


def handler(event):
    random.seed(event["seed"])
    began = time.perf_counter()
    graph = igraph.Graph.Barabasi(event["size"], 10)
    made = time.perf_counter()
    result = KERNELS[event["kernel"]](graph)
    ended = time.perf_counter()
    measurement = {"graph_generating_time": made - began, "compute_time": ended - made}
    return {"result": result, "measurement": measurement}
