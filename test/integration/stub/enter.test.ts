import { expect } from 'chai';
import { closeSync, openSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createLibc } from '../../../daemon/host/libc.ts';
import { fdOf } from '../../../daemon/host/socket-fd.ts';
import { encodeFrame } from '../../../daemon/launch/encode-frame.ts';
import { encodePlan } from '../../../daemon/launch/encode-plan.ts';
import { frameTypes } from '../../../daemon/launch/frame.ts';
import { FrameDecoder } from '../../../daemon/launch/frame-decoder.ts';
import type { LaunchPlan } from '../../../daemon/launch/launch-plan.ts';
import { samplePlan } from '../../support/launch-plans.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { Scratch } from '../../support/scratch.ts';
import { identity, InstalledStub, listenAsDaemon } from './installed-stub.ts';
import { withoutLaunchId } from '../../support/start-bench.ts';

const libc = createLibc();
const account = findQemuAccount();
/** One that the stub's caller may get. */
const ownPlan: LaunchPlan = { ...samplePlan, ...account, namespaces: [], ids: [] };
const unknownTag = Buffer.from([0xff, 0x7f, 0, 0, 1, 0, 0, 0, 0]);

describe('qemu-kube-exec that is told to enter', function () {
  this.timeout(30_000);
  let scratch: Scratch;
  let stub: InstalledStub;
  let server: Server | undefined;

  before(async () => {
    scratch = Scratch.open('test');
    stub = await InstalledStub.install(scratch, 'qemu-kube-exec');
  });
  after(() => scratch.close());
  afterEach(() => {
    server?.close();
  });

  /** Sends ENTER with this plan and so many of its fds; gives what the stub says to the daemon, and to libvirt. */
  const enter = async (
    plan: Uint8Array,
    fdCount = 4,
  ): Promise<{ readonly status: number; readonly told: string; readonly said: string }> => {
    const fds = [
      libc.sealedMemory('plan', plan),
      openSync(`/proc/${process.pid}`, 'r'),
      libc.pidfdOpen(process.pid),
      libc.pidfdOpen(process.pid),
      openSync('/dev/null', 'r'),
    ];
    const decoder = new FrameDecoder({ accept: [frameTypes.request, frameTypes.failed] });
    let told = '';
    const hear = (connection: Socket, chunk: Buffer): void => {
      for (const { type, payload } of decoder.push(chunk))
        if (type === frameTypes.failed) told = payload.toString();
        else
          libc.sendWithFds(
            fdOf(connection),
            encodeFrame(frameTypes.enter, Buffer.alloc(0)),
            fds.slice(0, fdCount),
          );
    };
    server = await listenAsDaemon(stub.socket, (connection) =>
      connection.on('data', (chunk) => hear(connection, chunk)),
    );
    try {
      const { status, stderr } = await stub.run(['-name', 'guest=testvm'], identity);
      return { status, told, said: stderr };
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  };

  for (const [what, plan, why] of [
    ['for another uid', encodePlan({ ...ownPlan, uid: account.uid + 1 }), 'Operation not permitted'],
    ['for root', encodePlan({ ...ownPlan, uid: 0, gid: 0 }), 'Operation not permitted'],
    ['for another gid', encodePlan({ ...ownPlan, gid: account.gid + 1 }), 'Operation not permitted'],
    ['for nobody', encodePlan({ ...ownPlan, uid: 0xffff_ffff }), 'Protocol error'],
    [
      'with a PID namespace',
      encodePlan({ ...ownPlan, namespaces: [{ flag: 0x2000_0000, inode: 1 }] }),
      'Invalid argument',
    ],
    ['with a tag that it does not know', Buffer.concat([encodePlan(ownPlan), unknownTag]), 'Protocol error'],
    ['that is cut', encodePlan(ownPlan).subarray(0, -1), 'Protocol error'],
    ['that is empty', Buffer.alloc(0), 'Protocol error'],
  ] as const)
    it(`refuses a plan ${what}, and tells the daemon`, async () => {
      const { status, told, said } = await enter(plan);
      expect(withoutLaunchId(told)).to.equal(
        `Cannot read the launch plan: ${why}; use stub, daemon and shim of one release`,
      );
      expect({ status, said }).to.deep.equal({ status: 125, said: `qemu-kube-exec: ${told}\n` });
    });

  it('takes a plan for its caller', async () => {
    const { status, told } = await enter(encodePlan({ ...ownPlan, emulator: '/nonexistent' }));
    expect(status).to.equal(125);
    expect(told).to.match(/^Cannot execute the emulator \/nonexistent in the pod: /);
  });

  it('refuses an ENTER that lacks an fd', async () => {
    const { status, said } = await enter(encodePlan(ownPlan), 3);
    expect(status).to.equal(125);
    expect(said).to.match(/^qemu-kube-exec: Cannot understand the node driver; .*\n$/);
  });

  it('refuses an ENTER with an fd too many', async () => {
    const { status, said } = await enter(encodePlan(ownPlan), 5);
    expect(status).to.equal(125);
    expect(said).to.match(/^qemu-kube-exec: Cannot understand the node driver; .*\n$/);
  });
});
