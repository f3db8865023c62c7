// Gearman: foreground jobs with a no-op worker function, through gearmand. `gearman_peer PORT` asks
// for them: each line of standard input is {"tasks": N}, the answer {"elapsedMs": MS}.
// `gearman_peer PORT worker` does them.

#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>

static void *noop(gearman_job_st *job, void *context, size_t *size, gearman_return_t *status) {
  (void)context;
  *size = gearman_job_workload_size(job);
  *status = GEARMAN_SUCCESS;
  char *result = malloc(*size + 1);
  if (result != NULL) memcpy(result, gearman_job_workload(job), *size);
  return result;
}

static int work(int port) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  gearman_worker_st *worker = gearman_worker_create(NULL);
  gearman_worker_add_server(worker, "127.0.0.1", (in_port_t)port);
  gearman_worker_add_function(worker, "noop", 0, noop, NULL);
  while (gearman_worker_work(worker) == GEARMAN_SUCCESS) {
  }
  fprintf(stderr, "gearman worker: %s\n", gearman_worker_error(worker));
  return 1;
}

static long completed;

static gearman_return_t count(gearman_task_st *task) {
  (void)task;
  completed++;
  return GEARMAN_SUCCESS;
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* Returns how long it took, or -1 if not all tasks have returned. */
static double run(gearman_client_st *client, long tasks) {
  completed = 0;
  double started_ms = now_ms();
  for (long each = 0; each < tasks; each++) {
    char input[24];
    int length = snprintf(input, sizeof input, "%ld", each);
    gearman_return_t status;
    gearman_client_add_task(client, NULL, NULL, "noop", NULL, input, (size_t)length, &status);
    if (status != GEARMAN_SUCCESS) return -1;
  }
  gearman_return_t status = gearman_client_run_tasks(client);
  double elapsed_ms = now_ms() - started_ms;
  gearman_client_task_free_all(client);
  return status == GEARMAN_SUCCESS && completed == tasks ? elapsed_ms : -1;
}

static int ask(int port) {
  gearman_client_st *client = gearman_client_create(NULL);
  gearman_client_add_server(client, "127.0.0.1", (in_port_t)port);
  gearman_client_set_complete_fn(client, count);
  char line[128];
  long tasks;
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "{\"tasks\":%ld}", &tasks) != 1) return 2;
    double elapsed_ms = run(client, tasks);
    if (elapsed_ms < 0) {
      fprintf(stderr, "gearman: %ld of %ld: %s\n", completed, tasks, gearman_client_error(client));
      return 1;
    }
    printf("{\"elapsedMs\":%f}\n", elapsed_ms);
    fflush(stdout);
  }
  gearman_client_free(client);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  int port = atoi(argv[1]);
  return argc == 3 && strcmp(argv[2], "worker") == 0 ? work(port) : ask(port);
}
