import { join } from 'node:path';
import type { SandboxMount } from './sandbox-spec.ts';

/** Where a sandbox has the programs of `test/fixtures/`, its emulator among them. */
export const fixturesMount: SandboxMount = {
  source: join(import.meta.dirname, '../fixtures/build'),
  destination: '/opt/fixtures',
  readOnly: true,
};

export const sayPod = '/opt/fixtures/say-pod';
