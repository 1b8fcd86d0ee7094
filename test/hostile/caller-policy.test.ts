import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { draftRequest, encodeRequest } from '../fuzz/encode-request.ts';
import { launchFake, type FakeLaunchOptions } from '../support/fake-launch.ts';
import { signalProcess } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { StartBench, withoutLaunchId } from '../support/start-bench.ts';
import { waitUntil } from '../support/wait-until.ts';

const account = findQemuAccount();
const borrowStub = join(import.meta.dirname, '../fixtures/build/borrow-stub');
const refusal =
  'Cannot start a VM for this caller: the node does not let it; start the VM by libvirt; the log of the node driver has ' +
  'the reason';
/** Runs the stub as libvirt's qemu user, which a program of libvirt's mount namespace must become first. */
const asQemu = ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];

describe("libvirt's qemu user, calling the stub itself", function () {
  this.timeout(180_000);
  this.retries(0); // one success of the attacker is one too many
  let bench: StartBench;
  let audit: string;

  before(async () => {
    bench = await StartBench.open();
    audit = join(bench.scratch.directory, 'audit/audit.log');
  });
  after(() => bench.scratch.close());
  afterEach(() => bench.removePods());

  const restart = async (settings: Readonly<Record<string, string>>): Promise<void> => {
    await bench.driver.end();
    bench.driver.configure({ 'audit-log': audit, 'log-level': 'debug', ...settings });
    await bench.driver.start();
  };
  /** @returns what the stub says, which is nothing when it started the VM */
  const call = async (pod: Sandbox, options: FakeLaunchOptions = {}): Promise<string> => {
    const args = ['-S', '-display', 'none', '-machine', 'none'];
    const { stub, ended } = launchFake(bench.driver, pod, { args, ...options });
    let said = '';
    stub.stderr?.on('data', (text: string) => (said += text));
    const timer = setInterval(() => {
      if (pod.processes.length > 1) stub.kill('SIGTERM');
    }, 100);
    await ended;
    clearInterval(timer);
    return said
      .split('\n')
      .flatMap((line) => /^qemu-kube: (.*)/.exec(withoutLaunchId(line))?.[1] ?? [])
      .join('\n');
  };
  const inLibvirt = (): FakeLaunchOptions => ({
    user: { uid: 0, gid: 0 },
    through: ['nsenter', '--target', String(bench.libvirt.libvirtd.pid), '--mount', ...asQemu],
  });
  const lastRecord = (): Readonly<Record<string, unknown>> => {
    const record: unknown = JSON.parse(readFileSync(audit, 'utf8').trim().split('\n').at(-1) ?? '');
    return typeof record === 'object' && record !== null ? { ...record } : {};
  };
  const expectDetail = (detail: RegExp): void => {
    const record = lastRecord();
    expect(record).to.deep.include({ decision: 'refused', code: 'caller-not-allowed' });
    expect(record['checks']).to.deep.equal([{ check: 'caller', verdict: 'refused' }]);
    expect(record['detail']).to.match(detail);
    expect(bench.driver.log).to.match(detail);
  };

  describe('with no policy', () => {
    before(() => restart({}));

    it('starts nothing without the secret of the VM', async () => {
      const pod = await bench.startPod();
      const environment = { KUBEVIRT_IO_SECRET: 'guessed-and-never-right' };
      expect(await call(pod, { environment })).to.match(/^Cannot accept the secret of the domain: /);
      expect(pod.processes).to.deep.equal([pod.pid]);
    });

    it('starts nothing in the pod of one VM with the secret of another', async () => {
      const [pod, other] = [await bench.startPod(), await bench.startPod()];
      const environment = { KUBEVIRT_IO_SECRET: other.secret ?? '' };
      expect(await call(pod, { environment })).to.match(/^Cannot accept the secret of the domain: /);
      expect([pod.processes, other.processes]).to.deep.equal([[pod.pid], [other.pid]]);
    });
  });

  describe('with "require-libvirt-namespaces"', () => {
    before(() => restart({ 'require-libvirt-namespaces': 'yes' }));

    it('leaves the VMs that libvirt starts alone, also once libvirt was started anew', async () => {
      await bench.start(await bench.startPod());
      await bench.libvirt.endLibvirtd('SIGKILL');
      await bench.libvirt.startLibvirtd();
      await bench.start(await bench.startPod());
    });

    it('starts nothing from elsewhere, even with the secret', async () => {
      const pod = await bench.startPod();
      expect(await call(pod)).to.equal(refusal);
      expectDetail(
        /it is in other user and mount namespaces than libvirt; have libvirt start the stub, or set/,
      );
      expect(pod.processes).to.deep.equal([pod.pid]);
    });

    it('starts what it has the secret of from where libvirt is', async () => {
      expect(await call(await bench.startPod(), inLibvirt())).to.equal('');
    });

    it('starts nothing where there is no libvirt', async () => {
      await restart({ 'require-libvirt-namespaces': 'yes', 'libvirt-executables': 'no-such-libvirt' });
      expect(await call(await bench.startPod(), inLibvirt())).to.equal(refusal);
      expectDetail(
        /no libvirt runs on this node that it could come from; start libvirt, or name its executable in/,
      );
    });
  });

  describe('with "require-installed-stub"', () => {
    before(() => restart({ 'require-installed-stub': 'yes' }));

    it('leaves the VMs that libvirt starts alone', async () => bench.start(await bench.startPod()));

    it('starts nothing by a copy of the stub, even with the secret', async () => {
      const copy = join(bench.scratch.directory, 'copy-of-the-stub');
      copyFileSync(bench.driver.emulator, copy);
      chownSync(copy, 0, account.gid);
      chmodSync(copy, 0o4750);
      const pod = await bench.startPod();
      const { ended, stub } = launchFake({ emulator: copy }, pod);
      let said = '';
      stub.stderr?.on('data', (text: string) => (said += text));
      await ended;
      expect(withoutLaunchId(said)).to.equal(`qemu-kube: ${refusal}\n`);
      expectDetail(/copy-of-the-stub\\?" is no installed stub; copy the stub into a directory of/);
    });

    it('starts nothing by a program of its own that has become the stub since it asked', async () => {
      const pod = await bench.startPod();
      const request = join(bench.scratch.directory, 'request');
      const env = [`KUBEVIRT_IO_VM_UUID=${pod.vmUuid}`, `KUBEVIRT_IO_SECRET=${pod.secret ?? ''}`];
      // Emptied below: the secret must be in no file that stays.
      writeFileSync(request, encodeRequest(draftRequest(['qemu', '-name', 'guest=borrowed'], env)), {
        mode: 0o644,
      });
      const args = [bench.driver.launchSocket, request, bench.driver.emulator, '-name', 'guest=x'];
      signalProcess(bench.driver.process, 'SIGSTOP');
      const child = spawn(borrowStub, args, { ...account, env: {}, stdio: ['ignore', 'pipe', 'ignore'] });
      try {
        let answer = '';
        child.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
        const ended = new Promise((resolve) => child.once('close', resolve));
        const { emulator } = bench.driver;
        await waitUntil(
          'it has become the stub',
          () => (readlinkSync(`/proc/${child.pid}/exe`) === emulator ? true : undefined),
          5000,
        );
        signalProcess(bench.driver.process, 'SIGCONT');
        await ended;
        bench.scratch.watch.hear('answer of launch.sock', answer);
        expect(answer).to.include(refusal);
        const detail = new RegExp(
          `its stub is setuid, but it was not the stub .* that was uid ${account.uid};`,
        );
        await waitUntil(
          'the reason is logged',
          () => (detail.test(bench.driver.log) ? true : undefined),
          5000,
        );
        expect(pod.processes).to.deep.equal([pod.pid]);
      } finally {
        signalProcess(bench.driver.process, 'SIGCONT');
        child.kill('SIGKILL');
        writeFileSync(request, '');
      }
    });
  });
});
