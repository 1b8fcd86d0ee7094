/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "reset-signals.h"
#include "wire.h"

#define REAPED ((pid_t)-1)

/* Answered once the process is gone: until then it has a part in its pod's share. */
struct reading {
  pid_t pid; /* 0: free; REAPED: ended, its answer is still in the pipe */
  int pipe;  /* -1: it has said all */
  uint64_t owner;
  uint32_t id;
  int64_t deadline;
  size_t length;
  char data[sizeof(struct read_result) + 65536];
};

static struct reading readings[BROKER_MAX_READS];

static void answer_read_error(uint32_t id, enum read_step step, int error) {
  struct read_result result = {.error = (uint32_t)error, .step = (uint32_t)step};
  broker_answer(BROKER_FILE, id, &result, sizeof result);
}

static int parse_read_request(const char *payload, size_t length, struct read_request *request) {
  uint32_t numbers[5];
  if (length < sizeof numbers)
    return -1;
  memcpy(numbers, payload, sizeof numbers);
  uint64_t owner;
  size_t path = sizeof numbers + sizeof(uint32_t) * (size_t)numbers[4];
  if (numbers[4] > PLAN_MAX_GROUPS || length <= path + 1 + sizeof owner || numbers[2] > 65536)
    return -1;
  size_t end = length - sizeof owner - 1;
  if (payload[end] != '\0')
    return -1;
  static uint32_t groups[PLAN_MAX_GROUPS];
  memcpy(groups, payload + sizeof numbers, sizeof(uint32_t) * numbers[4]);
  memcpy(&owner, payload + end + 1, sizeof owner);
  *request = (struct read_request){
      .uid = numbers[0],
      .gid = numbers[1],
      .max_size = numbers[2],
      .deadline_ms = numbers[3],
      .group_count = numbers[4],
      .groups = groups,
      .owner = owner,
      .path = payload + path,
      .parent = getpid(),
  };
  return 0;
}

static size_t count_running(uint64_t owner) {
  size_t count = 0;
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    count += readings[i].pid > 0 && readings[i].owner == owner;
  return count;
}

void reading_start(const struct broker_header *header, const char *payload, const int *fds) {
  struct read_request request;
  int pipes[2];

  if (header->fd_count != 1 || parse_read_request(payload, header->length, &request) < 0) {
    answer_read_error(header->id, READ_ROOT, EINVAL);
    return;
  }
  int refusal = hanging_refusal(request.owner, count_running(request.owner));
  if (refusal != 0) {
    answer_read_error(header->id, READ_HANGING, refusal);
    return;
  }
  struct reading *reading = NULL;
  for (size_t i = 0; i < BROKER_MAX_READS && reading == NULL; i++)
    if (readings[i].pid == 0)
      reading = &readings[i];
  if (reading == NULL) {
    answer_read_error(header->id, READ_ROOT, EAGAIN);
    return;
  }
  if (pipe2(pipes, O_CLOEXEC) < 0) {
    answer_read_error(header->id, READ_ROOT, errno);
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    reset_signals();
    close(BROKER_CHANNEL);
    read_file(fds[0], &request, pipes[1]);
  }
  int failure = errno;
  close(pipes[1]);
  if (pid < 0) {
    close(pipes[0]);
    answer_read_error(header->id, READ_ROOT, failure);
    return;
  }
  fcntl(pipes[0], F_SETFL, O_NONBLOCK);
  reading->pid = pid;
  reading->pipe = pipes[0];
  reading->owner = request.owner;
  reading->id = header->id;
  reading->deadline = now_ms() + request.deadline_ms;
  reading->length = 0;
}

static void free_reading(struct reading *reading) {
  if (reading->pipe >= 0)
    close(reading->pipe);
  explicit_bzero(reading->data, reading->length);
  reading->pid = 0;
}

static void finish(struct reading *reading) {
  if (reading->length < sizeof(struct read_result))
    answer_read_error(reading->id, READ_CONTENT, EIO);
  else
    broker_answer(BROKER_FILE, reading->id, reading->data, reading->length);
  free_reading(reading);
}

static void continue_reading(struct reading *reading) {
  for (;;) {
    size_t room = sizeof reading->data - reading->length;
    ssize_t got = room == 0 ? 0 : read(reading->pipe, reading->data + reading->length, room);
    if (got > 0) {
      reading->length += (size_t)got;
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && errno == EAGAIN) {
      return;
    } else {
      close(reading->pipe);
      reading->pipe = -1;
      if (reading->pid == REAPED)
        finish(reading);
      return;
    }
  }
}

static void expire(struct reading *reading) {
  answer_read_error(reading->id, READ_DEADLINE, ETIMEDOUT);
  if (reading->pid != REAPED) {
    kill(reading->pid, SIGKILL);
    hanging_add(reading->pid, reading->owner);
  }
  free_reading(reading);
}

void reading_reaped(pid_t pid) {
  for (size_t i = 0; i < BROKER_MAX_READS; i++) {
    if (readings[i].pid != pid)
      continue;
    readings[i].pid = REAPED;
    if (readings[i].pipe < 0)
      finish(&readings[i]);
  }
  hanging_reaped(pid);
}

void readings_prepare(struct pollfd *entries) {
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    entries[i] = (struct pollfd){.fd = readings[i].pid != 0 ? readings[i].pipe : -1, .events = POLLIN};
}

int64_t readings_deadline(void) {
  int64_t first = -1;
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    if (readings[i].pid != 0 && (first < 0 || readings[i].deadline < first))
      first = readings[i].deadline;
  return first;
}

void readings_continue(const struct pollfd *entries) {
  int64_t now = now_ms();
  for (size_t i = 0; i < BROKER_MAX_READS; i++) {
    if (readings[i].pid != 0 && readings[i].pipe >= 0 && entries[i].revents != 0)
      continue_reading(&readings[i]);
    if (readings[i].pid != 0 && now >= readings[i].deadline)
      expire(&readings[i]);
  }
}
