import { credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { loadApi } from '../../daemon/api/load-api.ts';
import { fakeEmulator, launchFake, type FakeLaunch, type FakeLaunchTarget } from '../support/fake-launch.ts';
import { hangSecret } from '../support/hang-secret.ts';
import { fixturesMount } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listDescendants, readArguments } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { runSecretWatch } from '../support/secret-watch/run-secret-watch.ts';
import { waitUntil } from '../support/wait-until.ts';

/** As many as the API lets one user ask at once. */
const QUESTIONS = 10;
/** Of those that run on for nobody, the last ones would begin by then. */
const LEFT_MS = 5000;
const wrong = 'a secret that is none of this pod';

describe('a pod whose secret takes long to read', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;

  before(async function () {
    scratch = Scratch.open('test');
    runSecretWatch.note(wrong);
    pod = await startSandbox(scratch, { vmUuid: 'slow', vmName: 'slow', mounts: [fixturesMount] });
    hangSecret(this, scratch, pod);
    const settings = { emulator: fakeEmulator, 'launch-rate': 'off', 'rescan-interval': '1h' };
    driver = await startNodeDriver(scratch, { settings });
  });
  after(() => scratch.close());

  const outcomeOf = async (launch: FakeLaunch): Promise<string> => {
    const { status } = await launch.ended;
    return `${status ?? 'signal'} ${launch.stderr}`;
  };
  const launch = (vmUuid: string): FakeLaunch => {
    const vm: FakeLaunchTarget = { vmUuid, vmName: vmUuid, secret: wrong };
    return launchFake(driver, vm);
  };
  const isRead = (): true | undefined => (listDescendants(driver.broker).length > 0 ? true : undefined);

  it('keeps no other start of that libvirt from a look at all processes', async () => {
    // What becomes a launcher after it was looked at is only found by a look at all.
    const script = 'until [ -e /share/go ]; do sleep 0.05; done; exec -a virt-launcher "$@"';
    const late = ['/opt/fixtures/impostors', '-kubevirt.vm.uuid', 'late'];
    const { pid } = await pod.execBackground(['bash', '-c', script, 'bash', ...late]);
    expect(await outcomeOf(launch('nowhere'))).to.match(/Cannot find a virt-launcher/);
    await pod.exec(['touch', '/share/go']);
    await waitUntil(
      'it is a launcher',
      () => (readArguments(pid)[0] === 'virt-launcher' ? true : undefined),
      10_000,
      10,
    );
    const slow = launch('late');
    let hasEnded = false;
    const slowOutcome = outcomeOf(slow).finally(() => (hasEnded = true));
    await waitUntil('it is being read', isRead, 10_000, 5);
    expect(await outcomeOf(launch('nowhere'))).to.match(/Cannot find a virt-launcher/);
    expect(hasEnded, 'the slow one was answered first').to.equal(false);
    expect(await slowOutcome).to.match(/^125 qemu-kube: Cannot read "[^"]+" of the pod/);
  });

  it('is let go of when nobody waits for the answer to a question any more', async () => {
    const countFds = (): number => readdirSync(`/proc/${driver.process.pid}/fd`).length;
    const client = new (loadApi())(`unix:${driver.apiSocket}`, credentials.createInsecure());
    try {
      await new Promise((resolve) => client.listMachines({}, resolve));
      const before = countFds();
      let ended = 0;
      const vm = { uuid: 'slow', name: '' };
      const calls = Array.from({ length: QUESTIONS }, () =>
        client.explainLaunch({ vm, secret: wrong }, () => ended++),
      );
      await waitUntil('it is being read', isRead, 10_000, 10);
      expect(countFds()).to.be.greaterThan(before);
      for (const call of calls) call.cancel();
      await waitUntil('all have ended', () => (ended === QUESTIONS ? true : undefined), 5000);
      await waitUntil('no fd is left', () => (countFds() <= before ? true : undefined), LEFT_MS, 20);
      // Nothing begins anew, either.
      await delay(500);
      expect(listDescendants(driver.broker)).to.deep.equal([]);
      expect(countFds()).to.be.at.most(before);
    } finally {
      client.close();
    }
  });
});
