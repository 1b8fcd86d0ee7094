import { expect } from 'chai';
import { build } from 'esbuild';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { originalStack } from '../../../deploy/image/original-stack.ts';

const source = `
export function outer(): Error {
  return inner();
}
const inner = (): Error => new Error('on purpose (file:///not/a/place:1:2)');
`;

describe('originalStack', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'knd-stack-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  async function bundledStack(sourcemap: boolean): Promise<string> {
    writeFileSync(join(directory, 'source.ts'), source);
    const outfile = join(directory, 'dist/main.js');
    await build({
      entryPoints: [join(directory, 'source.ts')],
      outfile,
      sourcemap,
      format: 'esm',
      minify: true,
    });
    const { outer } = (await import(pathToFileURL(outfile).href)) as { outer: () => Error };
    return outer().stack ?? '';
  }

  it('names the places in the source where there is a map', async () => {
    const [message, ...lines] = originalStack(await bundledStack(true), join(directory, 'dist')).split('\n');
    expect(message).to.equal('Error: on purpose (file:///not/a/place:1:2)');
    expect(lines[0]).to.match(/ \(?source\.ts:5:28\)?$/u);
    expect(lines[1]).to.match(/ \(?source\.ts:3:10\)?$/u);
  });

  it('leaves the places as they are where there is none', async () => {
    const stack = await bundledStack(false);
    expect(stack).to.include('/dist/main.js:1:');
    expect(originalStack(stack, join(directory, 'dist'))).to.equal(stack);
  });
});
