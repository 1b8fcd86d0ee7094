import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Where the clock that can be set may be read, how often, and why. */
const allowed: Readonly<Record<string, { readonly times: number; readonly why: string }>> = {
  'stub/shim.c': { times: 1, why: 'the time in the exit record, for people' },
  'daemon/machines/machine-supervisor.ts': { times: 2, why: 'the time of an end, for people' },
  'daemon/machines/exec-supervisor.ts': { times: 1, why: 'the time of an end, for people' },
  'daemon/observe/logger.ts': { times: 1, why: 'the time of a log line' },
  'daemon/observe/audit-log.ts': { times: 1, why: 'the time of a line' },
  'daemon/app.ts': { times: 1, why: 'the time of a decision, for people' },
  'daemon/node-status.ts': { times: 2, why: 'the times on the status page' },
  'daemon/observe/status/status-script.ts': {
    times: 2,
    why: 'the time of a look at the status page, for people',
  },
  'daemon/launch/launch-controller.ts': { times: 1, why: 'the time of a start, for people' },
  'daemon/launch/target-authorizer.ts': { times: 1, why: 'the age of a secret, which is a date' },
  'daemon/secret/token-ledger.ts': { times: 2, why: 'the expiry of tokens, which is a date' },
  'daemon/commands/secret-seal.ts': { times: 1, why: 'the expiry of a token, which is a date' },
  'daemon/commands/secret-verify.ts': { times: 1, why: 'the expiry of a token, which is a date' },
  'daemon/kubernetes/open-kubernetes.ts': { times: 1, why: 'how far the clock of the API server is ahead' },
  'daemon/kubernetes/pod-events.ts': { times: 1, why: 'the time of an event, for people' },
  'daemon/kubernetes/token-reviewer.ts': { times: 2, why: 'the expiry of a token, which is a date' },
  'daemon/profiles/probe-refresher.ts': { times: 1, why: 'the ctime that a stub gets' },
  'daemon/doctor/look-at-emulators.ts': { times: 1, why: 'the ctime that a stub would get' },
  'daemon/node-backend.ts': { times: 1, why: 'since when the daemon serves, for people' },
  'daemon/api/api-client.ts': { times: 1, why: 'gRPC takes a date, and makes a timeout of it at once' },
  'daemon/host/shim-cgroups.ts': {
    times: 1,
    why: 'the age of an empty cgroup, beside the ctime of its directory; nothing that runs is removed by it',
  },
};
const readers =
  /CLOCK_REALTIME|CLOCK_TAI|\bgettimeofday\(|(?<![a-z_])time\(NULL|Date\.now\(|new Date\(\)|TFD_TIMER_CANCEL/g;

describe('the clock that can be set', () => {
  it('no deadline is measured by the clock that can be set', () => {
    const sources = ['stub', 'daemon'].flatMap((directory) =>
      readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(c|h|ts)$/.test(name) && !name.startsWith('build/'))
        .map((name) => join(directory, name)),
    );
    expect(sources).to.include('stub/shim.c');
    const found = sources
      .map((name) => [name, [...readFileSync(join(root, name), 'utf8').matchAll(readers)].length] as const)
      .filter(([name, times]) => times > (allowed[name]?.times ?? 0));
    expect(found).to.deep.equal([]);
  });
});
