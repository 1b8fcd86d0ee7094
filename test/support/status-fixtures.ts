import type { Machine } from '../../daemon/machines/machine.ts';
import type { RecentDecision } from '../../daemon/observe/status/recent-decisions.ts';
import type { StatusSnapshot } from '../../daemon/observe/status/status-snapshot.ts';
import { exampleMachine } from './api-fixtures.ts';

const now = new Date('2026-11-23T20:00:00.000Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);

const steps = [
  { step: 'receive', seconds: 0.0007 },
  { step: 'identify', seconds: 0.0011 },
  { step: 'find', seconds: 0.0026 },
  { step: 'secret', seconds: 0.0043 },
  { step: 'reserve', seconds: 0.0002 },
  { step: 'prepare', seconds: 0.0034 },
  { step: 'hand-over', seconds: 0.0018 },
  { step: 'start', seconds: 0.0142 },
] as const;

const machines: readonly Machine[] = [
  {
    ...exampleMachine,
    launchId: '5a0c8f5e-9a34-4f0e-8c36-0f8a0f1f2b11',
    vm: { uuid: '0c7f1e52-0a61-4b59-9d5b-6a6f0a3c7c10', name: 'billing_ledger-db-0' },
    state: 'exited',
    createdAt: ago(86_400 * 2).toISOString(),
    steps,
    exit: { kind: 'signal', value: 9, reason: 'oom', at: ago(5400).toISOString() },
  },
  {
    ...exampleMachine,
    launchId: '77b1d3e0-55cb-4f41-a0a5-c1a7d2b0be02',
    vm: { uuid: '1f2c7c7e-4d3a-4a51-8b38-90c1fae2b0aa', name: 'shop_cache-2' },
    state: 'lost',
    createdAt: ago(40_000).toISOString(),
    steps: [],
    exit: { kind: 'unknown', reason: 'shim-gone', at: ago(1800).toISOString() },
  },
  { ...exampleMachine, createdAt: ago(12_345).toISOString(), steps },
  {
    ...exampleMachine,
    launchId: 'd2a0c6e1-7c1f-4b39-8f1b-9cf4b5b9ad7e',
    vm: {
      uuid: '9b3a9f7c-2a51-4a35-8a6e-ff0d6c7a2d55',
      name: 'build_runner-with-a-rather-long-name-for-a-vm-17',
    },
    mode: 'exec',
    profile: 'figures',
    createdAt: ago(95).toISOString(),
    steps: steps.map(({ step, seconds }) => ({ step, seconds: step === 'find' ? 1.25 : seconds })),
  },
  {
    ...exampleMachine,
    launchId: 'aa41e7d5-03dc-4b7d-90a9-3c3f4a0c9d01',
    vm: { uuid: 'e9c0b7b2-61ab-44f2-a7f2-70d1d8a3c0de' },
    state: 'starting',
    createdAt: ago(0.2).toISOString(),
    steps: [],
  },
];

const refused: RecentDecision = {
  launchId: '3f0f7d70-6a6e-49f6-9a70-7b0a8a4d5c21',
  kind: 'launch',
  result: 'refused',
  code: 'secret-mismatch',
  cause: 'Cannot accept the secret of the domain: it is not the one in the pod, or not for this VM and pod',
  vm: { uuid: '4d7ad1a2-66a1-4d50-8a64-0ad8f27a3f10', name: 'shop_frontend' },
  domain: 'shop_frontend',
  podUid: null,
  at: ago(42),
  seconds: 0.1,
  steps: steps.slice(0, 4),
  times: 3,
};

/** A node on which everything happens that the page has a look for. */
export const exampleStatus: StatusSnapshot = {
  now,
  host: 'worker-17.example.org',
  build: { version: '0.1.0', commit: '683956d', nodeVersion: '24.21.0' },
  startedAt: ago(200_000),
  ready: { ok: true, conditions: [] },
  machines,
  decisions: [
    refused,
    {
      ...refused,
      launchId: 'd2a0c6e1-7c1f-4b39-8f1b-9cf4b5b9ad7e',
      result: 'started',
      code: null,
      cause: null,
      vm: {
        uuid: '9b3a9f7c-2a51-4a35-8a6e-ff0d6c7a2d55',
        name: 'build_runner-with-a-rather-long-name-for-a-vm-17',
      },
      podUid: exampleMachine.podUid,
      at: ago(95),
      steps,
      times: 1,
    },
    {
      ...refused,
      launchId: null,
      kind: 'secret check',
      result: 'started',
      code: null,
      cause: null,
      at: ago(600),
      steps: [],
      times: 1,
    },
    {
      ...refused,
      launchId: 'c0a6b0d3-3a3c-43b7-98a0-1db3a9e6a0c5',
      code: 'target-not-found',
      cause:
        'Cannot find a virt-launcher of VM "7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10" ("testvm") on this node',
      vm: { uuid: '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10', name: 'testvm' },
      at: ago(4000),
      times: 1,
    },
    {
      ...refused,
      launchId: '0e',
      code: 'protocol',
      cause: 'Cannot read the request',
      vm: null,
      domain: null,
      at: ago(9000),
      steps: [],
      times: 217,
    },
    {
      ...refused,
      launchId: 'aa41e7d5-03dc-4b7d-90a9-3c3f4a0c9d01',
      result: 'allowed',
      code: null,
      cause: null,
      at: ago(0.2),
      times: 1,
    },
  ],
  checks: [
    { title: 'launch-socket', verdict: 'ok', detail: 'it serves', remedy: null },
    { title: 'api-socket', verdict: 'ok', detail: 'it serves', remedy: null },
    {
      title: 'libvirt',
      verdict: 'failure',
      detail:
        'cgroup_controllers is not empty in /etc/libvirt/qemu.conf: libvirt would put QEMU into cgroups of its own',
      remedy: 'set cgroup_controllers = [ ] and restart libvirtd: systemctl restart libvirtd',
    },
    {
      title: 'clock',
      verdict: 'warning',
      detail: 'The clock of the node is not synchronised',
      remedy: 'secrets that expire may expire too early or too late: start chrony',
    },
    {
      title: 'kubernetes',
      verdict: 'skipped',
      detail: 'Kubernetes is not asked (kubernetes = off)',
      remedy: null,
    },
  ],
};

/** A node that has just been set up. */
export const emptyStatus: StatusSnapshot = {
  ...exampleStatus,
  startedAt: ago(3),
  ready: { ok: false, conditions: [] },
  machines: [],
  decisions: [],
  checks: [
    {
      title: 'api-socket',
      verdict: 'failure',
      detail: 'not reached yet',
      remedy: 'see the log of the node driver',
    },
  ],
};
