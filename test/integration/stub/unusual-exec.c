/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes argv[2] with the arguments from there on in a way that no shell can: "nameless" without argv, "crowded"
 * with 100,000 more variables, "starved" without room for another fd.
 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CROWD 100000

int main(int argc, char **argv, char **envp) {
  static char variable[] = "A=1", *nothing[] = {0}, *crowd[CROWD + 64];
  struct rlimit three = {3, 3}, stack = {RLIM_INFINITY, RLIM_INFINITY};
  size_t count = 0;

  if (argc < 3)
    return 2;
  if (strcmp(argv[1], "nameless") == 0)
    execve(argv[2], nothing, nothing);
  if (strcmp(argv[1], "starved") == 0 && setrlimit(RLIMIT_NOFILE, &three) == 0)
    execve(argv[2], argv + 2, envp);
  if (strcmp(argv[1], "crowded") == 0 && setrlimit(RLIMIT_STACK, &stack) == 0) {
    for (; *envp != NULL && count < 32; envp++)
      crowd[count++] = *envp;
    for (int i = 0; i < CROWD; i++)
      crowd[count++] = variable;
    execve(argv[2], argv + 2, crowd);
  }
  return 1;
}
