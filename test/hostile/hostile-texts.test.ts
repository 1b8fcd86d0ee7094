import { expect } from 'chai';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  type FakeLaunchOptions,
} from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u;
/** A refusal on the wire, and the name of the program in front of it. */
const LONGEST_LINE = 1024 + 'qemu-kube-exec: \n'.length;
const LONGEST_TEXT = 256;

const texts = [
  ['newlines and JSON', 'x\n{"level":"error","decision":"allowed"}\r\nqemu-kube: all is well'],
  ['escape sequences', 'x\u001b[2J\u001b]0;title\u0007\u001b[31m'],
  ['C1 controls and DEL', 'x\u009b31m\u0085\u007f\u0090'],
  ['characters that turn a line around, or have no width', 'x\u202egnp.exe\u2066\u200b\ufeff\u061c'],
  ['separators of lines', 'x\u2028"y"\u2029\\'],
  ['more text than anybody reads', 'x\n'.repeat(2000)],
] as const;

type Place = readonly [where: string, options: (text: string, scratch: Scratch) => FakeLaunchOptions];

const environment = (name: string): Place => [
  name,
  (text) => ({ environment: { [name]: text }, args: ['wait'] }),
];
const places: readonly Place[] = [
  environment('KUBEVIRT_IO_VM_UUID'),
  environment('KUBEVIRT_IO_VM_NAME'),
  [
    'KUBEVIRT_IO_SECRET',
    // Of its own: the same text elsewhere would be a secret in the wrong place.
    (text) => ({ environment: { KUBEVIRT_IO_SECRET: `secret ${text}` }, args: ['wait'] }),
  ],
  [
    'HOME',
    (text) => ({
      environment: { HOME: text },
      args: [
        '-object',
        'secret,id=masterKey0,format=raw,file=/var/lib/libvirt/qemu/domain-1-texts/master-key.aes',
      ],
    }),
  ],
  [
    "the domain's name",
    (text) => ({ args: ['-name', `guest=${text}`], environment: { KUBEVIRT_IO_SECRET: '?' } }),
  ],
  [
    'the working directory',
    (text, scratch) => {
      // The pod has no such directory: here it is shim or stub that refuse, when all else is decided.
      const parts = text.match(/[^/]{1,80}/gsu) ?? [];
      const directory = join(scratch.directory, 'gone', ...parts.slice(0, 30));
      mkdirSync(directory, { recursive: true });
      return { directory };
    },
  ],
];

for (const mode of ['fork', 'exec'] as const)
  describe(`what callers and pods have made up, in the lines of the driver in ${mode} mode`, function () {
    this.timeout(120_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let audit: string;
    let sandbox: Sandbox;

    before(async () => {
      scratch = Scratch.open('test');
      audit = join(scratch.directory, 'audit/audit.log');
      const settings = { emulator: fakeEmulator, 'audit-log': audit, 'log-format': 'json' };
      driver = await startNodeDriver(scratch, { mode, settings });
      const vm = { vmUuid: `texts-${mode}`, vmName: 'texts' };
      sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    });
    after(() => scratch.close());

    const linesOf = (text: string): readonly string[] => {
      expect(text.endsWith('\n')).to.equal(true);
      return text.slice(0, -1).split('\n');
    };
    const recordOf = (line: string): Readonly<Record<string, unknown>> => {
      const record: unknown = JSON.parse(line);
      return typeof record === 'object' && record !== null ? { ...record } : {};
    };
    /** A refusal: one line for the caller, one for the log, one at most two for the audit log. */
    const expectLines = async (options: FakeLaunchOptions): Promise<void> => {
      const logged = driver.log.length;
      const audited = readFileSync(audit, { encoding: 'utf8', flag: 'a+' }).length;
      const launch = launchFake(driver, sandbox, options);
      const { status } = await launch.ended;
      expect(status, launch.stderr).to.equal(125);

      const [line = '', ...others] = linesOf(launch.stderr);
      expect(others).to.deep.equal([]);
      expect(line)
        .to.match(/^qemu-kube(-exec)?: Cannot /)
        .and.not.match(unprintable);
      expect(Buffer.byteLength(launch.stderr)).to.be.at.most(LONGEST_LINE);

      // A shim tells the stub first, and then the daemon.
      const isLogged = (): true | undefined => (driver.log.slice(logged).endsWith('\n') ? true : undefined);
      await waitUntil('the refusal is logged', isLogged, 5000);
      const log = linesOf(driver.log.slice(logged));
      for (const each of log) expect(each).to.not.match(unprintable);
      expect(log.map((each) => recordOf(each)['msg'])).to.deep.equal(['Refused a launch']);

      const records = linesOf(readFileSync(audit, 'utf8').slice(audited));
      expect(records.length).to.be.within(1, 2);
      for (const each of records) {
        expect(each).to.match(/^[\x20-\x7e]*$/);
        const { decision, cause, domain } = recordOf(each);
        for (const text of [cause, domain])
          if (typeof text === 'string') expect(text.length).to.be.at.most(LONGEST_TEXT);
        if (each === records.at(-1)) expect(decision).to.equal('refused');
      }
    };

    for (const [where, optionsOf] of places)
      it(`are one line each, and print, whatever stands in ${where}`, async () => {
        for (const [what, text] of texts)
          await expectLines(optionsOf(text, scratch)).catch((error: unknown) => {
            throw new Error(`With ${what}: ${String(error)}`, { cause: error });
          });
      });

    it('are one line each, and print, whatever stands in the files and arguments of a pod', async () => {
      for (const [index, [, text]] of texts.entries()) {
        const vm = { vmUuid: `texts-${mode}-${index}`, vmName: text.slice(0, 1000) };
        const pod = await startSandbox(scratch, { ...vm, vmName: 'texts', expiresAt: text.slice(0, 900) });
        const logged = driver.log.length;
        const launch = launchFake(driver, pod);
        await launch.ended;
        expect(linesOf(launch.stderr)).to.have.lengthOf(1);
        expect(launch.stderr.slice(0, -1)).to.not.match(unprintable);
        expect(linesOf(driver.log.slice(logged)).filter((line) => unprintable.test(line))).to.deep.equal([]);
        const name = ['virt-launcher', '-kubevirt.vm.uuid', vm.vmUuid, '-kubevirt.vm.name', vm.vmName];
        await pod.execBackground(['/launcher/virt-launcher', ...name.slice(1)]);
        const resolve = ['resolve', '--uuid', vm.vmUuid, '--socket', driver.apiSocket];
        const { stdout, stderr } = await driver.run(resolve, { allowFailure: true });
        for (const line of `${stdout}${stderr}`.split('\n')) expect(line).to.not.match(unprintable);
        await pod.remove();
      }
    });
  });
