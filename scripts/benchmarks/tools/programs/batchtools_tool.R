# batchtools: TASKS jobs by its own template for Slurm; prints the sum of their squares.

suppressPackageStartupMessages({
  library(batchtools)
  library(data.table)
})
registry <- makeRegistry(file.dir = "registry", seed = 1)
registry$cluster.functions <- makeClusterFunctionsSlurm(
  template = "slurm-simple", scheduler.latency = 1, fs.latency = 5
)
square <- function(number) {
  Sys.sleep(1)
  number * number
}
ids <- batchMap(square, seq_len(as.integer(Sys.getenv("TASKS"))) - 1, reg = registry)
# A job that is no array task deletes its own description once it has read it, so it could not be
# requeued.
ids[, chunk := 1]
resources <- list(walltime = 1200, ncpus = 1, memory = 200, chunks.as.arrayjobs = TRUE)
submitJobs(ids, resources = resources, reg = registry)
stopifnot(waitForJobs(sleep = 2, reg = registry))
cat(sum(unlist(reduceResultsList(reg = registry))), "\n", sep = "")
