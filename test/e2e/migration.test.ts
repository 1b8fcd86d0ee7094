import { expect } from 'chai';
import { SLOW_DISK_BYTES, untilCopying, withEnds } from '../compatibility/rows/interrupted-migration.ts';
import { Stage } from '../compatibility/stage.ts';
import type { TestMachine } from '../compatibility/test-machine.ts';

for (const mode of ['fork', 'exec'] as const)
  describe(`a migration between two pods of one node in ${mode} mode`, function () {
    this.timeout(90_000);
    let stage: Stage;

    before(async () => {
      stage = await Stage.open(mode);
    });
    after(() => stage.close());

    const secretOf = ({ pod }: TestMachine): string => {
      if (pod?.secret === undefined) throw new Error('There is no pod with a secret');
      return pod.secret;
    };
    /** The pods in which the daemon knows a QEMU of a VM. */
    const listPods = async (uuid: string): Promise<readonly string[]> => {
      const driver = stage.driver;
      if (driver === undefined) throw new Error('There is no node driver');
      const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
      const lines = stdout
        .split('\n')
        .filter((line) => line.includes(uuid) && line.includes('"state":"running"'));
      return lines.map((line) => /"podUID":"([^"]+)"/.exec(line)?.[1] ?? line);
    };

    it('is refused with the secret of the pod that the VM is in, and with one of no pod; the VM runs on', () =>
      withEnds(stage, 0, async ({ source, destination, before, migrate }) => {
        for (const [secret, reason] of [
          [secretOf(source), 'still runs in its pod'],
          ['of nobody', 'secret'],
        ] as const) {
          const xml = destination.xml.replace(secretOf(destination), secret);
          const { status, stderr } = await migrate([], xml);
          expect(status).to.not.equal(0);
          expect(stderr).to.include('Cannot').and.include(reason);
          expect(await destination.state()).to.equal('no domain');
          expect(await destination.whatIsLeft()).to.equal('nothing');
        }
        expect(await source.since(before)).to.equal('continued');
      }));

    it('goes on while the daemon is killed and another adopts both ends', () =>
      withEnds(stage, SLOW_DISK_BYTES, async ({ source, destination, before, migrate }) => {
        const { driver } = stage;
        const pods = [source, destination].map(({ pod }) => pod?.podUid);
        const migration = migrate(['--bandwidth', '2']);
        await untilCopying(source);
        await driver?.end('SIGKILL');
        await driver?.start();
        expect(await listPods(source.uuid)).to.have.members(pods);
        expect(await migration).to.include({ status: 0 });
        expect(await destination.since(before)).to.equal('continued');
        expect(await source.whatIsLeft()).to.equal('nothing');
        expect(await listPods(source.uuid)).to.deep.equal(pods.slice(1));
      }));
  });
