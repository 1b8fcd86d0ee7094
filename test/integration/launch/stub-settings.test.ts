import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLibc } from '../../../daemon/host/libc.ts';
import { PinnedProcess } from '../../../daemon/host/pinned-process.ts';
import { StubSettings, type AppliedSettings } from '../../../daemon/launch/stub-settings.ts';
import { ProfileBench, commonSettings, ownSettings } from '../profiles/profile-bench.ts';

const libc = createLibc();

describe('StubSettings.of()', () => {
  let bench: ProfileBench;
  let settings: StubSettings;
  const told: unknown[] = [];
  const children: ChildProcess[] = [];

  beforeEach(() => {
    bench = new ProfileBench();
    told.splice(0);
    settings = new StubSettings(bench.profiles, commonSettings, {
      info: (message, fields) => void told.push(fields?.['stub'] ?? message),
    });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await bench.scratch.close();
  });

  /** Runs a copy of a program at a path of the bench, as the stub that calls. */
  const run = async (path: string): Promise<ChildProcess> => {
    mkdirSync(join(bench.at(path), '..'), { recursive: true, mode: 0o755 });
    copyFileSync('/usr/bin/sleep', bench.at(path));
    chmodSync(bench.at(path), 0o755);
    const child = spawn(bench.at(path), ['100'], { stdio: 'ignore', argv0: '/emulators/other/name' });
    children.push(child);
    await once(child, 'spawn');
    return child;
  };
  const of = (child: ChildProcess, uid = 1): AppliedSettings => {
    using process = PinnedProcess.open(libc, '/proc', child.pid ?? 0);
    return settings.of({ process, credentials: { uid, gid: 0, groups: [] } });
  };
  const lineOf = (action: () => unknown): unknown => {
    try {
      return action();
    } catch (error) {
      return error instanceof Error && 'line' in error ? error.line : error;
    }
  };

  it('gives the settings of the profile, or of the node, which is told once for each stub', async () => {
    expect(of(await run('/emulators/own/qemu'))).to.deep.equal({
      ...ownSettings,
      name: 'own',
      profile: 'own',
    });
    const unknown = await run('/elsewhere');
    expect(of(unknown)).to.deep.equal({ ...commonSettings, profile: null });
    of(unknown);
    expect(told).to.deep.equal([bench.at('/elsewhere')]);
  });

  it('refuses a stub that was replaced while it started, where there are profiles', async () => {
    const old = await run('/emulators/own/qemu');
    copyFileSync('/usr/bin/true', bench.at('/new'));
    renameSync(bench.at('/new'), bench.at('/emulators/own/qemu'));
    expect(lineOf(() => of(old))).to.equal(
      'Cannot tell the profile of the stub: its file was replaced while it started; start the VM again',
    );
    rmSync(bench.at('/emulators/own'), { recursive: true });
    expect(of(old)).to.include({ profile: null });
  });

  it('refuses users by the profile', async () => {
    const [owned, elsewhere] = [await run('/emulators/own/qemu'), await run('/elsewhere')];
    expect(lineOf(() => of(owned, 2))).to.equal(
      'Cannot start a VM for uid 2: it is not allowed to by profile "own"; add the user that libvirt runs QEMU as to ' +
        '"profile.own.launch-users" in qemu-kube.conf',
    );
    expect(lineOf(() => of(elsewhere, 2))).to.match(/^Cannot start .* allowed to; .* to "launch-users"/);
  });

  it('refuses a stub that has ended', async () => {
    const child = await run('/emulators/own/qemu');
    using process = PinnedProcess.open(libc, '/proc', child.pid ?? 0);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    expect(lineOf(() => settings.of({ process, credentials: { uid: 1, gid: 0, groups: [] } }))).to.equal(
      'Cannot start the VM: libvirt ended the stub; start the VM again',
    );
  });
});
