import { expect } from 'chai';
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { listCgroupTree, removeCgroup } from '../support/cgroups.ts';
import { launchFake, type FakeLaunchTarget } from '../support/fake-launch.ts';
import { fixturesMount, sayPod } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { readArguments, readStatusFields } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { makeCgroup, TestCgroup } from '../support/test-cgroup.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Has cgroups of its own, as from a systemd user manager. */
const USER = 1000;
/** Of each kind: more than pods are looked at. */
const CLAIMANTS = 260;
const LAUNCHES = 5;
const impostors = join(fixturesMount.source, 'impostors');

/** Is a launcher once it has read a line, as the user. */
const wait = `read -r _
  exec setpriv --reuid=${USER} --regid=${USER} --clear-groups bash -c 'exec -a virt-launcher "$@"' bash "$@"`;
/** Each in one of the cgroups whose directories it reads. */
const spread = `while read -r directory; do
    (echo $BASHPID > "$directory/cgroup.procs"; exec -a virt-launcher "$@") &
  done; wait`;

describe('a user of the node who is in no pod', function () {
  this.timeout(120_000);
  this.retries(0); // one success of the attacker is one too many
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox | undefined;
  let cgroup: TestCgroup;
  let children: ChildProcess[] = [];
  let runs = 0;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: sayPod, 'secret-lifetime': '24h' } });
  });
  after(() => scratch.close());
  beforeEach(() => {
    cgroup = TestCgroup.make(scratch, `user-${++runs}`);
    own(cgroup.directories);
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    children = [];
    await removeCgroup(cgroup.path);
    await pod?.remove();
    pod = undefined;
  });

  const own = (directories: readonly string[]): void =>
    directories.flatMap(listCgroupTree).forEach((each) => chownSync(each, USER, USER));
  const run = (
    script: string,
    input: readonly string[],
    vmUuid: string,
  ): ChildProcessByStdio<Writable, null, null> => {
    const args = ['-c', script, 'bash', impostors, '-kubevirt.vm.uuid', vmUuid];
    const child = spawn('bash', args, { stdio: ['pipe', 'ignore', 'inherit'] });
    children.push(child);
    if (input.length > 0) child.stdin.end(input.map((line) => `${line}\n`).join(''));
    return child;
  };
  const startPod = async (vmUuid: string): Promise<Sandbox> => {
    pod = await startSandbox(scratch, { vmUuid, vmName: 'victim', mounts: [fixturesMount] });
    return pod;
  };
  /** The emulator says in which pod it is. */
  const launch = async (vm: FakeLaunchTarget): Promise<string> => {
    const started = launchFake(driver, vm);
    const { status } = await started.ended;
    return started.facts('pod')[0] ?? `${status ?? 'signal'} ${started.stderr}`;
  };
  const names = (podUid: string, containerId: string): readonly [string, string] => [
    `kubepods-burstable-pod${podUid.replaceAll('-', '_')}.slice`,
    `cri-containerd-${containerId}.scope`,
  ];

  it('cannot pass for a pod by an older process in a cgroup of its own that is called like that', async () => {
    const vmUuid = randomUUID();
    const attacker = run(wait, [], vmUuid);
    const attackerPid = attacker.pid ?? 0;
    const victim = await startPod(vmUuid);
    const [slice, scope] = names(victim.podUid, victim.containerId);
    for (const directory of cgroup.directories) {
      makeCgroup(join(directory, slice));
      const container = join(directory, slice, scope);
      makeCgroup(container);
      writeFileSync(join(container, 'cgroup.procs'), String(attackerPid));
    }
    own(cgroup.directories);
    attacker.stdin.end('\n');
    await waitUntil(
      'it claims',
      () => (readArguments(attackerPid)[0] === 'virt-launcher' ? true : undefined),
      10_000,
    );
    expect(readStatusFields(attackerPid).get('Uid')).to.match(new RegExp(`^${USER}\\b`));
    expect(readFileSync(`/proc/${attackerPid}/cgroup`, 'utf8')).to.include(`${slice}/${scope}`);

    for (let i = 0; i < LAUNCHES; i++) expect(await launch(victim)).to.equal(victim.podUid);
    await victim.remove();
    expect(await launch(victim)).to.match(/is in a cgroup that is only named like a pod's: it is not root's/);
  });

  it(`cannot crowd a pod out by ${2 * CLAIMANTS} claimants in as many cgroups, of which half are called like pods`, async () => {
    const vmUuid = randomUUID();
    const [top = ''] = cgroup.directories;
    const directories: string[] = [];
    for (let i = 0; i < CLAIMANTS; i++) {
      const plain = join(top, `plain-${i}`);
      const [slice, scope] = names(randomUUID(), randomBytes(32).toString('hex'));
      const container = join(top, slice, scope);
      for (const each of [plain, join(top, slice), container]) makeCgroup(each);
      directories.push(plain, container);
    }
    own([top]);
    run(spread, directories, vmUuid);
    const claims = (directory: string): boolean => {
      const [pid = ''] = readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n');
      return pid !== '' && readArguments(Number(pid))[0] === 'virt-launcher';
    };
    await waitUntil('they all claim', () => (directories.every(claims) ? true : undefined), 30_000);
    expect(statSync(top).uid).to.equal(USER);
    const victim = await startPod(vmUuid);
    for (let i = 0; i < LAUNCHES; i++) expect(await launch(victim)).to.equal(victim.podUid);
  });
});
