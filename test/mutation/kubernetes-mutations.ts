import type { Mutation } from './mutation.ts';

const opinion = 'test/integration/kubernetes/second-opinion.test.ts';
const tokens = 'test/integration/kubernetes/pod-tokens.test.ts';
const informer = 'test/integration/kubernetes/pod-informer.test.ts';

/** Of what Kubernetes has to say. One entry of the checklists is about it: that of copied tokens. */
export const kubernetesMutations: readonly Mutation[] = [
  {
    name: 'kubernetes-is-not-asked',
    rows: [],
    file: 'daemon/launch/launch-controller.ts',
    search: '(await opinion?.check(target)) ?? null',
    replace: "opinion === null ? null : 'ok'",
    tests: [opinion],
    grep: 'refuses a pod that is being deleted',
  },
  {
    name: 'kubernetes-has-any-container',
    rows: [],
    file: 'daemon/kubernetes/judge-pod.ts',
    search: 'pod.containerIds.includes(containerId)',
    replace: 'pod.containerIds.length > 0',
    tests: [opinion],
    grep: 'a container that is none of its pod',
  },
  {
    name: 'kubernetes-need-not-be-there',
    rows: [],
    file: 'daemon/kubernetes/second-opinion.ts',
    search: 'if (!isRequired) return verdict;',
    replace: 'if (!isRequired || uid !== node) return verdict;',
    tests: [opinion],
    grep: 'must be there where it is required',
  },
  {
    name: 'token-of-any-pod',
    rows: ['AT-2'],
    file: 'daemon/kubernetes/pod-tokens.ts',
    search: 'if (podUid !== bound.uid) return',
    replace: 'if (podUid === null) return',
    tests: [tokens],
    grep: 'of another pod, with the same line',
  },
  {
    name: 'token-of-any-name',
    rows: [],
    file: 'daemon/kubernetes/judge-review.ts',
    search: 'bound.name !== pod.name || ',
    replace: '',
    tests: [tokens],
    grep: 'with the name of another pod',
  },
  {
    name: 'token-for-any-audience',
    rows: [],
    file: 'daemon/kubernetes/judge-review.ts',
    search: '!Array.isArray(audiences) || !audiences.includes(audience)',
    replace: '!Array.isArray(audiences)',
    tests: ['test/unit/kubernetes/judge-review.test.ts'],
    grep: 'refuses another audience',
  },
  {
    name: 'token-counts-too-long',
    rows: [],
    file: 'daemon/kubernetes/token-reviewer.ts',
    search: 'Math.min(LONGEST_CACHED_MS, (expiresAt ?? Infinity) - Date.now())',
    replace: 'LONGEST_CACHED_MS',
    tests: [tokens],
    grep: 'any longer than it does by itself',
  },
  {
    name: 'watch-stays-silent',
    rows: [],
    file: 'daemon/kubernetes/kubernetes-client.ts',
    search: "'requestTimeoutMs', request.silenceMs",
    replace: "'requestTimeoutMs', 1000 * request.silenceMs",
    tests: [informer],
    grep: 'gives up a watch that has gone silent',
  },
  {
    name: 'watch-begins-where-it-was',
    rows: [],
    file: 'daemon/kubernetes/pod-informer.ts',
    search: '    this.#mustList = true;\n    this.#version = null;',
    replace: '',
    tests: [informer],
    grep: '410 as an event',
  },
  {
    name: 'watch-is-begun-anew-at-once',
    rows: [],
    file: 'daemon/kubernetes/pod-informer.ts',
    search: 'isFailure ? fullJitterMs(this.#failures, timing.retry, random) : 0',
    replace: 'isFailure ? 0 * fullJitterMs(this.#failures, timing.retry, random) : 0',
    tests: [informer],
    grep: 'backs off',
  },
];
