import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError } from '../../../daemon/config/config-error.ts';
import { loadConfig } from '../../../daemon/config/load-config.ts';
import { defaultConfig } from '../../../daemon/config/parse-config.ts';

describe('loadConfig', () => {
  let directory = '';

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'node-driver-config-'));
  });

  after(async () => {
    await rm(directory, { recursive: true });
  });

  async function errorOf(path: string): Promise<Error> {
    try {
      await loadConfig(path);
    } catch (error) {
      if (error instanceof ConfigError) return error;
      throw error;
    }
    throw new Error('The configuration was accepted');
  }

  it('reads the file that is named', async () => {
    const path = join(directory, 'good.conf');
    await writeFile(path, 'target-wait = 3s\n');
    expect(await loadConfig(path)).to.deep.equal({ ...defaultConfig(), targetWait: 3_000 });
  });

  it('names the file and the line of an error', async () => {
    const path = join(directory, 'bad.conf');
    await writeFile(path, '\ntarget-wait = soon\n');
    expect((await errorOf(path)).message).to.include(
      `${JSON.stringify(path)}: line 2: "target-wait" is "soon"`,
    );
  });

  it('refuses a named file that is missing', async () => {
    expect((await errorOf(join(directory, 'none.conf'))).message).to.include('there is no such file');
  });

  it('refuses a directory', async () => {
    expect((await errorOf(directory)).message).to.include('it is a directory');
  });
});
