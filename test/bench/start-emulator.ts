import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { podmanArguments, startPodmanContainer } from '../support/bare-container.ts';
import { launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { Crowd } from './crowd.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, median, percentile, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';
import { betweenTimes, sayTime, timeCaller, timedEmulator, timedEmulatorMount } from './time-launch.ts';

const PROCESSES = 2000;
const ROUNDS = Number(process.env['KND_BENCH_ROUNDS'] ?? 60);
const WARM_UP = 5;

/** Milliseconds from the exec of the stub, or of a peer, to the first instruction of what it starts in the pod. */
export interface StartEmulator {
  readonly samples: Readonly<Record<string, readonly number[]>>;
  readonly processes: number;
  readonly machine: string;
}

type Way = () => Promise<string>;

/** The ways into a container of runc, and into one of podman: each gives the output of two say-time. */
export async function measureStartEmulator(processes = PROCESSES, rounds = ROUNDS): Promise<StartEmulator> {
  const samples: Record<string, number[]> = {};
  const scratch = Scratch.open('test');
  try {
    const options = { vmUuid: 'timed', vmName: 'timed', mounts: [timedEmulatorMount] };
    const pod = await startSandbox(scratch, options);
    const ways = { ...peers(scratch, pod), ...(await ownWays(scratch, pod)) };
    const podman = await startPodmanContainer(scratch, { name: 'timed-podman' });
    await new Crowd(scratch).growTo(processes);
    const all: Readonly<Record<string, Way>> = {
      ...ways,
      'podman exec': podmanExec(scratch, podman.containerId),
    };
    for (let round = -WARM_UP; round < rounds; round++) {
      showProgress(`round ${Math.max(0, round + 1)} of ${rounds}`);
      for (const [name, way] of Object.entries(all)) {
        const duration = betweenTimes(await way());
        if (round >= 0) (samples[name] ??= []).push(duration);
      }
    }
  } finally {
    await scratch.close();
  }
  return { samples, processes, machine: describeMachine() };
}

function peers(scratch: Scratch, pod: Sandbox): Readonly<Record<string, Way>> {
  const timed = async (...command: readonly string[]): Promise<string> =>
    (await runCommand(sayTime, command)).stdout;
  const runc = ['/usr/sbin/runc', '--root', join(scratch.runDirectory, 'runc'), 'exec', pod.containerId];
  return {
    nsenter: () => timed('/usr/bin/nsenter', '-t', String(pod.pid), '-a', timedEmulator),
    'runc exec': () => timed(...runc, timedEmulator),
  };
}

function podmanExec(scratch: Scratch, container: string): Way {
  const podman = ['/usr/bin/podman', ...podmanArguments(scratch)];
  return async () => (await runCommand(sayTime, [...podman, 'exec', container, '/say-time'])).stdout;
}

async function ownWays(scratch: Scratch, pod: Sandbox): Promise<Readonly<Record<string, Way>>> {
  const ways: Record<string, Way> = {};
  const keys = join(scratch.directory, 'keys');
  mkdirSync(keys, { mode: 0o700 });
  const [key, publicKey] = [join(keys, 'key.pem'), join(scratch.directory, 'key.pub.pem')];
  for (const mode of ['fork', 'exec'] as const) {
    const own = Scratch.open('test');
    scratch.defer('end the driver', () => own.close());
    const settings = {
      emulator: timedEmulator,
      'secret-lifetime': '24h',
      'secret-token-lifetime': '24h',
      'secret-keys': keys,
      'state-directory': join(own.directory, 'state'),
      'audit-log': join(own.directory, 'audit.log'),
      'launch-rate': 'off',
    };
    if (mode === 'fork') await makeKey(key, publicKey);
    const driver = await startNodeDriver(own, { mode, settings, ...(await bundledDaemon(own)) });
    const token = await seal(driver, pod, publicKey, join(scratch.directory, 'secret'));
    const launch = async (secret: string | undefined): Promise<string> => {
      const options = { through: [timeCaller], environment: { KUBEVIRT_IO_SECRET: secret ?? '' } };
      const started = launchFake(driver, pod, options);
      const { status } = await started.ended;
      if (status !== 0) throw new Error(`A launch of the benchmark failed: ${started.stderr}`);
      return started.report.join('\n');
    };
    ways[`${mode} mode, plain secret`] = () => launch(pod.secret);
    ways[`${mode} mode, JWE`] = () => launch(token);
  }
  return ways;
}

async function makeKey(key: string, publicKey: string): Promise<void> {
  const main = join(import.meta.dirname, '../../daemon/main.ts');
  await runCommand(process.execPath, [main, 'secret', 'keygen', '--out', key, '--public', publicKey]);
}

async function seal(driver: NodeDriver, pod: Sandbox, publicKey: string, file: string): Promise<string> {
  writeFileSync(file, pod.secret ?? '', { mode: 0o600 });
  const whom = ['--uuid', pod.vmUuid, '--pod-uid', pod.podUid, '--ttl', '2h'];
  const { stdout } = await driver.run(['secret', 'seal', '--key', publicKey, ...whom, '--secret-file', file]);
  rmSync(file);
  return stdout.split('\n')[0] ?? '';
}

export function renderStartEmulator({ samples, processes, machine }: StartEmulator): string {
  const peer = median(samples['runc exec'] ?? []);
  const rows = Object.entries(samples).map(([name, times]) => [
    name,
    ...[0.5, 0.95, 0.99].map((part) => `${percentile(times, part).toFixed(2)} ms`),
    `${(peer / median(times)).toFixed(2)} x`,
    String(times.length),
  ]);
  return [
    renderTable(['from exec to the first instruction', 'p50', 'p95', 'p99', 'runc / this', 'n'], rows),
    `${processes} processes on the node; ${machine}, interleaved`,
  ].join('\n');
}
