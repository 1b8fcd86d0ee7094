import { expect } from 'chai';
import fs from 'node:fs';

import { ApiHarness, apiErrorOf, exampleBackend } from './api-harness.ts';

const vm = { uuid: '6f0b2d6e-1111-4222-8333-444455556666', name: 'testvm' };

describe('createApiClient()', () => {
  let harness: ApiHarness;
  beforeEach(() => {
    harness = new ApiHarness();
  });
  afterEach(() => harness.stop());

  it('tells that no daemon ever ran there', async () => {
    const error = await apiErrorOf(harness.client().listMachines());
    expect(error.message).to.equal(
      `Cannot reach the daemon at "${harness.socketPath}": there is no such socket; start "node-driver serve", or name its socket with --socket`,
    );
  });

  it('tells that something else is at the path', async () => {
    fs.writeFileSync(harness.socketPath, '');
    expect((await apiErrorOf(harness.client().listMachines())).message).to.include('that is no socket');
  });

  it('gives up at its deadline', async () => {
    const resolve = (): Promise<never> => new Promise(() => undefined);
    await harness.start({ backend: exampleBackend({ resolve }) });
    const error = await apiErrorOf(harness.client(200).resolveTarget(vm));
    expect(error.message).to.include('within 0.2 s');
  });
});
