import { expect } from 'chai';
import {
  chmodSync,
  chownSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findCgroup } from '../support/cgroups.ts';
import { buildGuest, guestGreeting } from '../support/guest.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, isRunning, readNamespace, readStatusFields, signalProcess } from '../support/processes.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { SerialConsole } from '../support/serial-console.ts';
import { waitUntil } from '../support/wait-until.ts';

const PORT = 8099;
const FENCE_MS = 5000;

/** `mount point -> root` of a mountinfo; the same mount point may be listed more than once. */
function listMounts(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, , device, root, mountPoint]) => `${mountPoint ?? ''} <- ${device ?? ''} ${root ?? ''}`)
    .sort();
}

for (const mode of ['fork', 'exec'] as const)
  describe(`a VM that stock libvirt starts in ${mode} mode`, function () {
    this.timeout(90_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let libvirt: LibvirtHost;
    let sandbox: Sandbox;
    let count = 0;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode });
      libvirt = await startLibvirt(scratch);
    });
    after(() => scratch.close());

    /** Starts a pod and its VM; gives QEMU's pid. */
    const start = async (options: Partial<SandboxOptions> = {}, booting = false): Promise<number> => {
      const vmUuid = `2e2ec7d1-8a1c-4a9f-9f2c-${String(++count).padStart(12, '0')}`;
      const vmName = `placed-${count}`;
      const listener = { port: PORT, body: buildGuest('of this test') };
      sandbox = await startSandbox(scratch, { vmUuid, vmName, ...(booting && { listener }), ...options });
      await libvirt.define({
        name: vmName,
        uuid: vmUuid,
        emulator: driver.emulator,
        serialSocket: serialSocket(),
        ...(booting && { bootUrl: `http://10.0.2.2:${PORT}/guest` }),
        environment: {
          KUBEVIRT_IO_VM_UUID: vmUuid,
          KUBEVIRT_IO_VM_NAME: vmName,
          KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
        },
      });
      await libvirt.virsh(['start', vmName]);
      const [qemu] = sandbox.processes.filter((pid) => pid !== sandbox.pid);
      if (qemu === undefined) throw new Error('There is no QEMU in the pod');
      return qemu;
    };
    const serialSocket = (): string => join(libvirt.directory, 'lib/qemu', `serial-${count}.sock`);
    /** libvirt numbers the starts of domains, not the domains. */
    const libvirtDirectory = async (): Promise<string> => {
      const { stdout } = await libvirt.virsh(['domid', sandbox.vmName]);
      return `/var/lib/libvirt/qemu/domain-${stdout.trim()}-${sandbox.vmName}`;
    };
    const destroy = async (): Promise<void> => {
      await libvirt.virsh(['destroy', sandbox.vmName], { allowFailure: true });
      await sandbox.remove();
    };

    describe('in a pod with a read-only root and no mount point', () => {
      let qemu: number;
      before(async () => {
        qemu = await start({ readOnlyRoot: true, libvirtMountPoints: false });
      });
      after(destroy);

      it("shares the pod's net, ipc, uts and cgroup namespaces, and libvirt's pid namespace", () => {
        for (const name of ['net', 'ipc', 'uts', 'cgroup'] as const)
          expect(readNamespace(qemu, name), name).to.equal(readNamespace(sandbox.pid, name));
        expect(readNamespace(qemu, 'pid')).to.equal(readNamespace(libvirt.libvirtd.pid, 'pid'));
        expect(readNamespace(qemu, 'pid')).to.not.equal(readNamespace(sandbox.pid, 'pid'));
      });

      it("is in all of the pod's cgroups", () => {
        const lines = readFileSync(`/proc/${qemu}/cgroup`, 'utf8');
        expect(lines).to.equal(readFileSync(`/proc/${sandbox.pid}/cgroup`, 'utf8'));
        expect(lines).to.include(sandbox.cgroup);
      });

      it("sees the pod's mounts and libvirt's directory of this domain in a private copy", async () => {
        const own = listMounts(qemu);
        const added = own.filter((mount) => !listMounts(sandbox.pid).includes(mount));
        expect(own).to.include.members([...listMounts(sandbox.pid)]);
        const directory = await libvirtDirectory();
        expect(added.map((mount) => mount.split(' ')[0])).to.deep.equal(['/var', directory]);
        expect(added[0]).to.match(/^\/var <- 0:\d+ \/$/);
        expect(readdirSync(`/proc/${qemu}/root${directory}`)).to.include('master-key.aes');
        // Nothing of it is to be seen in the pod, nor on the host.
        expect(readdirSync(`/proc/${sandbox.pid}/root/var`)).to.deep.equal(['run']);
        expect(readFileSync('/proc/self/mountinfo', 'utf8')).to.not.include('qemu-kube');
        // What the pod has beside it is still there.
        expect(readlinkSync(`/proc/${qemu}/root/var/run`)).to.equal('/run');
      });

      it("runs as libvirt's qemu user without any privilege", () => {
        const { uid, gid } = libvirt.account;
        const status = readStatusFields(qemu);
        expect(status.get('Uid')).to.equal(Array(4).fill(uid).join('\t'));
        expect(status.get('Gid')).to.equal(Array(4).fill(gid).join('\t'));
        for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
          expect(status.get(`Cap${set}`), set).to.match(/^0+$/);
        expect(status.get('NoNewPrivs')).to.equal('1');
      });

      it('has the fds that libvirt passed and what QEMU opened itself, no file of the host among them', () => {
        const args = readFileSync(`/proc/${qemu}/cmdline`, 'latin1');
        const named = [...args.matchAll(/\bfd=(\d+)/g)].map(([, number]) => Number(number));
        expect(named).to.have.lengthOf(2); // monitor and serial console
        const links = new Map(
          readdirSync(`/proc/${qemu}/fd`).map((fd) => [Number(fd), readlinkSync(`/proc/${qemu}/fd/${fd}`)]),
        );
        for (const fd of named) expect(links.get(fd)).to.match(/^socket:/);
        expect([...links.values()].filter((link) => link.endsWith(`${sandbox.vmName}.pid`))).to.have.lengthOf(
          1,
        );
        const others = [...links].filter(
          ([fd, link]) => fd > 2 && !named.includes(fd) && !link.endsWith('.pid'),
        );
        for (const [fd, link] of others)
          expect(link, `fd ${fd}`).to.match(
            /^(anon_inode:\[(eventfd|signalfd|eventpoll|timerfd|io_uring)\]|socket:\[\d+\])$/,
          );
      });

      it('has the master key, the environment without the secret, and libvirt can use its monitor', async () => {
        const environment = readFileSync(`/proc/${qemu}/environ`, 'latin1');
        expect(environment)
          .to.include('HOME=/var/lib/libvirt/qemu/domain-')
          .and.include('KUBEVIRT_IO_VM_UUID=');
        expect(environment).to.not.include(sandbox.secret);
        const { stdout } = await libvirt.virsh([
          'qemu-monitor-command',
          sandbox.vmName,
          '{"execute":"query-status"}',
        ]);
        expect(stdout).to.include('"status":"running"');
      });

      it('is known to the daemon', async () => {
        const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
        expect(stdout).to.include(String(qemu)).and.include(sandbox.podUid);
        const resolved = await driver.run([
          'resolve',
          '--uuid',
          sandbox.vmUuid,
          '--json',
          '--socket',
          driver.apiSocket,
        ]);
        expect(resolved.stdout).to.include(sandbox.podUid).and.include(sandbox.containerId);
        const metrics = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
        expect(metrics).to.include(`kubevirt_node_driver_machines{state="running",mode="${mode}"} 1\n`);
      });
    });

    if (mode === 'exec')
      describe('as the process that libvirt knows', () => {
        let qemu: number;
        before(async () => {
          qemu = await start();
        });
        after(destroy);

        it("has libvirt's pid, with the fds closed that were the stub's own", () => {
          expect(libvirt.readDomainPid(sandbox.vmName)).to.equal(qemu);
          const links = readdirSync(`/proc/${qemu}/fd`).map((fd) => readlinkSync(`/proc/${qemu}/fd/${fd}`));
          expect(links.filter((link) => /memfd|pidfd|^(mnt|net|ipc|uts|cgroup):/.test(link))).to.deep.equal(
            [],
          );
        });

        it('has CPU time and memory that libvirt can see', async () => {
          const { stdout } = await libvirt.virsh(['domstats', '--cpu-total', '--balloon', sandbox.vmName]);
          expect(Number(/cpu\.time=(\d+)/.exec(stdout)?.[1])).to.be.above(0);
          // In KiB; a stub would have about one MiB.
          expect(Number(/balloon\.rss=(\d+)/.exec(stdout)?.[1])).to.be.above(10_000);
        });

        it('goes on when the daemon is killed, and the next one knows it', async () => {
          await driver.end('SIGKILL');
          expect(isRunning(identify(qemu))).to.equal(true);
          await driver.start();
          const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
          expect(stdout)
            .to.include(sandbox.vmUuid)
            .and.include('"mode":"exec"')
            .and.include(`"pid":${qemu},`);
        });
      });

    describe('in a pod that has the mount points', () => {
      let qemu: number;
      before(async () => {
        qemu = await start();
      });
      after(destroy);

      it('sees nothing more than them and the directory of this domain', async () => {
        const added = listMounts(qemu).filter((mount) => !listMounts(sandbox.pid).includes(mount));
        expect(added.map((mount) => mount.split(' ')[0])).to.deep.equal([
          '/var/lib/libvirt/qemu',
          await libvirtDirectory(),
        ]);
      });
    });

    it('boots a guest, which reaches what listens only in the pod', async () => {
      await start({}, true);
      const serial = await SerialConsole.open(serialSocket());
      try {
        expect(await serial.waitForLine(guestGreeting, 45_000)).to.include('of this test');
        expect(sandbox.hits).to.have.lengthOf(1);
      } finally {
        serial.close();
        await destroy();
      }
    });

    it('starts in the one of two pods with its uuid that holds its secret', async () => {
      const vmUuid = `2e2ec7d1-8a1c-4a9f-9f2c-${String(count + 1).padStart(12, '0')}`;
      const other = await startSandbox(scratch, { vmUuid, vmName: 'other' });
      try {
        await start();
        expect(other.processes).to.deep.equal([other.pid]);
      } finally {
        await other.remove();
        await destroy();
      }
    });

    it("ends with its pod, within 5 s and without leaving the pod's cgroup", async () => {
      const qemu = identify(await start());
      await sandbox.kill('SIGKILL');
      await sandbox.delete();
      await waitUntil('QEMU has ended', () => (isRunning(qemu) ? undefined : true), FENCE_MS);
      await waitUntil(
        'the cgroups are gone',
        () => (findCgroup(sandbox.cgroup).length === 0 ? true : undefined),
        FENCE_MS,
      );
      await waitUntil(
        'libvirt knows it',
        async () =>
          (await libvirt.virsh(['domstate', sandbox.vmName])).stdout.includes('shut off') ? true : undefined,
        FENCE_MS,
      );
      await destroy();
    });

    it('ends when libvirt kills the process that it knows', async () => {
      const qemu = identify(await start());
      const stub = libvirt.readDomainPid(sandbox.vmName);
      if (stub === undefined) throw new Error('libvirt has no pid for the domain');
      signalProcess(identify(stub), 'SIGKILL');
      await waitUntil('QEMU has ended', () => (isRunning(qemu) ? undefined : true), FENCE_MS);
      // The shim, or libvirt, reaps it a moment later; until then a hierarchy of version 1 lists it.
      await waitUntil(
        'nothing but the launcher is in the pod',
        () => (sandbox.processes.join() === String(sandbox.pid) ? true : undefined),
        FENCE_MS,
      );
      await destroy();
    });

    it('is destroyed and started again, three times in a row', async () => {
      await start();
      for (let round = 0; round < 3; round++) {
        await libvirt.virsh(['destroy', sandbox.vmName]);
        expect(sandbox.processes).to.deep.equal([sandbox.pid]);
        await libvirt.virsh(['start', sandbox.vmName]);
        expect(sandbox.processes).to.have.lengthOf(2);
      }
      await destroy();
    });

    it("answers libvirt's capability probe without privilege, without identity and without the daemon", async () => {
      const record = join(scratch.directory, 'probe-record');
      const script = join(scratch.directory, 'probed-emulator');
      writeFileSync(record, '');
      chownSync(record, libvirt.account.uid, libvirt.account.gid);
      const lines = `grep -E "^(Uid|Gid|Cap...)" /proc/self/status > ${record}\nexec /usr/bin/qemu-system-x86_64 "$@"`;
      writeFileSync(script, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
      const local = join(driver.emulator, '../local');
      rmSync(local);
      symlinkSync(script, local);
      await driver.end();
      try {
        // libvirt probes again when the stub's ctime changes.
        chmodSync(driver.emulator, 0o4750);
        const { stdout } = await libvirt.virsh([
          'domcapabilities',
          '--virttype',
          'qemu',
          '--emulatorbin',
          driver.emulator,
        ]);
        expect(stdout).to.include(`<path>${driver.emulator}</path>`).and.include('<machine>');
        const { uid, gid } = libvirt.account;
        const status = readFileSync(record, 'utf8');
        expect(status).to.include(`Uid:\t${Array(4).fill(uid).join('\t')}\n`);
        expect(status).to.include(`Gid:\t${Array(4).fill(gid).join('\t')}\n`);
        for (const set of ['Inh', 'Prm', 'Eff', 'Amb'])
          expect(status).to.match(new RegExp(`Cap${set}:\t0+\n`));
      } finally {
        rmSync(local);
        symlinkSync('/usr/bin/qemu-system-x86_64', local);
        await driver.start();
      }
    });
  });
