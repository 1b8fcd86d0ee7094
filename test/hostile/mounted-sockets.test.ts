import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator } from '../support/fake-launch.ts';
import { fixturesMount } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { startServiceContainer, type ServiceContainer } from '../support/service-container.ts';
import { startFakePod, startSupervisedVm, type SupervisedVm } from '../support/supervised-vm.ts';

const account = findQemuAccount();
const reachOut = '/opt/fixtures/reach-out';
/** Nobody that anything on the machine runs as. */
const STRANGER = 65_533;
const FIRST_USER_ID = 700_000;
const denied = 'Permission denied\n';

describe('a container that has the directories of the driver mounted', function () {
  this.timeout(120_000);
  this.retries(0); // one success of the attacker is one too many
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let vm: SupervisedVm;
  let container: ServiceContainer;
  /** All that anybody could connect to or read. */
  let sockets: Readonly<Record<'launch' | 'api' | 'shim', string>>;
  let files: readonly string[];

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    pod = await startFakePod(scratch);
    vm = await startSupervisedVm(driver, pod);
    const state = join(driver.runDirectory, 'state');
    const [launchId = ''] = readdirSync(state);
    sockets = {
      launch: driver.launchSocket,
      api: driver.apiSocket,
      shim: join(state, launchId, 'shim.sock'),
    };
    const ofProcesses = [driver.process.pid, vm.shim.pid].flatMap((pid) =>
      ['environ', 'mem', 'fd/0', 'root/etc/shadow'].map((file) => `/proc/${pid}/${file}`),
    );
    files = [state, join(state, launchId, 'launch.json'), ...ofProcesses];
    container = await startServiceContainer(scratch, {
      name: 'curious',
      argv: ['sleep', 'infinity'],
      // Those of processes and network are the node's.
      namespaces: ['ipc', 'uts', 'cgroup'],
      mounts: [{ source: driver.runDirectory, destination: driver.runDirectory }, fixturesMount, stubs()],
    });
  });
  after(() => scratch.close());

  const stubs = (): { source: string; destination: string; suid: true } => {
    const directory = join(driver.emulator, '../..');
    return { source: directory, destination: directory, suid: true };
  };
  const as = (uid: number, gid: number, ...command: readonly string[]): readonly string[] => [
    ...[
      'setpriv',
      `--reuid=${uid}`,
      `--regid=${gid}`,
      '--clear-groups',
      '--bounding-set=-all',
      '--inh-caps=-all',
    ],
    ...command,
  ];
  const reach = async (uid: number, gid: number, how: string, path: string): Promise<string> =>
    (await container.exec(as(uid, gid, reachOut, how, path))).stdout;

  it('reaches what it is there to reach as root of the node', async () => {
    for (const socket of Object.values(sockets))
      expect(await reach(0, 0, 'connect', socket)).to.equal('done\n');
  });

  it('reaches nothing as a user that is not of the driver', async () => {
    for (const socket of Object.values(sockets))
      expect(await reach(STRANGER, STRANGER, 'connect', socket), socket).to.equal(denied);
    for (const file of files) expect(await reach(STRANGER, STRANGER, 'read', file), file).to.equal(denied);
  });

  it("reaches launch.sock alone as libvirt's qemu user, and starts nothing there without a secret", async () => {
    const { uid, gid } = account;
    expect(await reach(uid, gid, 'connect', sockets.launch)).to.equal('done\n');
    for (const socket of [sockets.api, sockets.shim])
      expect(await reach(uid, gid, 'connect', socket), socket).to.equal(denied);
    for (const file of files) expect(await reach(uid, gid, 'read', file), file).to.equal(denied);
    const other = await startFakePod(scratch);
    const identity = [
      '--env',
      `KUBEVIRT_IO_VM_UUID=${other.vmUuid}`,
      '--env',
      'KUBEVIRT_IO_SECRET=no-such-secret',
    ];
    const call = as(uid, gid, driver.emulator, '-name', 'guest=x');
    const { status, stderr } = await container.exec(call, identity, { allowFailure: true });
    expect(status).to.equal(125);
    expect(stderr).to.match(/^qemu-kube: Cannot accept the secret of the domain: /);
    expect(other.processes).to.deep.equal([other.pid]);
  });

  it("is heard by nobody as another user that has libvirt's group", async () => {
    const call = as(STRANGER, account.gid, driver.emulator, '-name', 'guest=x');
    const { stderr } = await container.exec(call, ['--env', 'KUBEVIRT_IO_VM_UUID=x'], { allowFailure: true });
    expect(stderr).to.match(
      new RegExp(`^qemu-kube: Cannot start a VM for uid ${STRANGER}: it is not allowed to;`),
    );
  });

  it('reaches nothing as root of a pod with users of its own', async () => {
    const users = await startSandbox(scratch, {
      vmUuid: 'users',
      vmName: 'users',
      user: { uid: 0, gid: 0 },
      firstUserId: FIRST_USER_ID,
      capabilities: ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'],
      mounts: [{ source: driver.runDirectory, destination: driver.runDirectory }, fixturesMount],
    });
    for (const socket of Object.values(sockets)) {
      const { stdout } = await users.exec([reachOut, 'connect', socket]);
      expect(stdout, socket).to.equal(denied);
    }
  });

  it('leaves the VM of another alone through all of this', () => {
    expect(vm.launch.stub.exitCode).to.equal(null);
    expect(pod.processes).to.include(vm.emulator.pid);
  });
});
