import { expect } from 'chai';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RefusalCode } from '../../daemon/errors.ts';
import { runCommand } from './run-command.ts';
import type { Sandbox, SandboxOptions } from './sandbox.ts';
import type { Environment, StartBench } from './start-bench.ts';

export const secretFile = '/etc/kubevirt/node-driver/secret';
export const expiresAtFile = '/etc/kubevirt/node-driver/expires-at';
/** What no pod holds. */
export const noSecret = 'the secret of no pod';
export const secretRemedy =
  'mount a Kubernetes Secret with the key "secret" there, or set "secret-file" in qemu-kube.conf';

/** A start with one pod, that is refused. */
export interface RefusedStart {
  readonly title: string;
  readonly reason: RefusalCode;
  readonly pod?: Partial<SandboxOptions>;
  /** Changes the pod once it runs. */
  readonly arrange?: (pod: Sandbox) => void | Promise<void>;
  /** Of the domain, beside the identity of the pod's VM and its secret. */
  readonly environment?: Environment;
  /** What the stub says; `$ID` and `$NAME` stand for those of the domain. */
  readonly line: string;
}

export const refusedDomains: readonly RefusedStart[] = [
  {
    title: 'a domain without identity',
    reason: 'no-identity',
    environment: {
      KUBEVIRT_IO_VM_UUID: undefined,
      KUBEVIRT_IO_VM_NAME: undefined,
      KUBEVIRT_IO_SECRET: undefined,
    },
    line:
      "Cannot identify the VM: KUBEVIRT_IO_VM_UUID is not set; add <qemu:env name='KUBEVIRT_IO_VM_UUID' " +
      'value=\'…\'/> to the domain, or set "identity = env,argv"',
  },
  {
    title: 'a uuid with "../" in it',
    reason: 'invalid-identity',
    environment: { KUBEVIRT_IO_VM_UUID: '../../etc/shadow' },
    line:
      'Cannot accept the VM UUID "../../etc/shadow": it contains "."; set KUBEVIRT_IO_VM_UUID to the UID of the ' +
      'VirtualMachineInstance, 1 to 64 of 0-9, A-Z, a-z and "-"',
  },
  {
    title: 'a domain whose <qemu:env> sets HOME to "/"',
    reason: 'libvirt-home',
    environment: { HOME: '/' },
    line:
      'Cannot trust HOME: it is "/", while libvirt\'s directory of the domain is "/var/lib/libvirt/qemu/domain-$ID-' +
      "$NAME\"; remove <qemu:env name='HOME'> from the domain",
  },
  {
    title: 'a domain without secret',
    reason: 'secret-not-given',
    environment: { KUBEVIRT_IO_SECRET: undefined },
    line:
      'Cannot launch the VM: its domain carries no secret; add <qemu:env name="KUBEVIRT_IO_SECRET" value="…"/> to ' +
      'the domain',
  },
];

export const refusedSecrets: readonly RefusedStart[] = [
  {
    title: 'the wrong secret',
    reason: 'secret-mismatch',
    environment: { KUBEVIRT_IO_SECRET: 'a secret of somebody else' },
    line:
      'Cannot accept the secret of the domain: it is not the one in the pod, or not for this VM and pod; set ' +
      `KUBEVIRT_IO_SECRET to what "${secretFile}" of the pod holds, or seal that anew; the log of the node driver has ` +
      'the reason',
  },
  {
    title: 'an "expires-at" that is no time',
    reason: 'secret-file',
    pod: { expiresAt: 'next week' },
    line:
      `Cannot read "${expiresAtFile}" of the pod: it does not hold one RFC 3339 time; write a time such as ` +
      '2030-01-31T12:00:00Z, or remove the file so that "secret-lifetime" holds',
  },
  {
    title: "a pod without the secret's file",
    reason: 'secret-file',
    pod: { secret: false },
    line: `Cannot read "${secretFile}" of the pod: it does not exist; ${secretRemedy}`,
  },
  {
    title: 'an empty file as secret',
    reason: 'secret-file',
    pod: { secret: '' },
    line: `Cannot read "${secretFile}" of the pod: it is empty; ${secretRemedy}`,
  },
  {
    title: 'a file with nothing but a newline as secret',
    reason: 'secret-file',
    pod: { secret: '\n' },
    line: `Cannot read "${secretFile}" of the pod: it is empty; ${secretRemedy}`,
  },
  {
    title: 'a secret of more than 16 KiB',
    reason: 'secret-file',
    pod: { secret: 'x'.repeat(16 * 1024 + 1) },
    environment: { KUBEVIRT_IO_SECRET: 'x'.repeat(16 * 1024 + 1) },
    line: `Cannot read "${secretFile}" of the pod: it is larger than 16384 bytes; ${secretRemedy}`,
  },
  {
    title: 'a FIFO as secret',
    reason: 'secret-file',
    pod: { secret: false },
    arrange: async (pod: Sandbox): Promise<void> => {
      await runCommand('mkfifo', ['--mode=0644', join(pod.secretDirectory, 'secret')]);
    },
    line: `Cannot read "${secretFile}" of the pod: it is not a regular file; ${secretRemedy}`,
  },
  {
    title: 'a directory as secret',
    reason: 'secret-file',
    pod: { secret: false },
    arrange: (pod: Sandbox): void => {
      mkdirSync(join(pod.secretDirectory, 'secret'));
    },
    line: `Cannot read "${secretFile}" of the pod: it is not a regular file; ${secretRemedy}`,
  },
  {
    title: 'a FIFO as "expires-at"',
    reason: 'secret-file',
    arrange: async (pod: Sandbox): Promise<void> => {
      await runCommand('mkfifo', ['--mode=0644', join(pod.secretDirectory, 'expires-at')]);
    },
    line:
      `Cannot read "${expiresAtFile}" of the pod: it is not a regular file; mend the key "expires-at" of the ` +
      'Kubernetes Secret, or remove it so that "secret-lifetime" holds',
  },
];

/** Starts the domain of a pod, by default with the pod's secret. */
export function refuseFor(
  bench: StartBench,
  pod: Sandbox,
  reason: RefusalCode | null,
  environment: Environment = {},
): Promise<string> {
  const secret = pod.secret?.trim() ? pod.secret : noSecret;
  const vm = { uuid: pod.vmUuid, name: pod.vmName };
  return bench.refuse(vm, { KUBEVIRT_IO_SECRET: secret, ...environment }, reason);
}

/** Starts the domain, and expects exactly the line of the table. */
export async function expectRefused(bench: StartBench, start: RefusedStart): Promise<void> {
  const pod = await bench.startPod(start.pod);
  await start.arrange?.(pod);
  const said = await refuseFor(bench, pod, start.reason, start.environment);
  expect(said.replace(`-${pod.vmName}"`, '-$NAME"').replace(/domain-\d+-/, 'domain-$ID-')).to.equal(
    start.line,
  );
}
