import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { configKeys } from '../../../daemon/config/config-keys.ts';
import { defaultConfig, parseConfig } from '../../../daemon/config/parse-config.ts';
import { bufferIo } from '../../support/buffer-io.ts';
import { matchSchema } from '../../support/match-schema.ts';

describe('node-driver config', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'config-'));
    file = join(directory, 'qemu-kube.conf');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const run = async (...args: readonly string[]): Promise<{ status: number; out: string; err: string }> => {
    const io = bufferIo();
    const status = await runCommandLine(['config', ...args, '--config', file], io);
    if (args.includes('--json'))
      matchSchema(args[0] === 'show' && status === 0 ? 'config-show' : 'config-check', io.written.out);
    return { status, ...io.written };
  };

  it('finds a good one good', async () => {
    writeFileSync(file, 'mode = exec\n');
    expect(await run('check')).to.deep.equal({
      status: 0,
      out: `The configuration ${JSON.stringify(file)} is good\n`,
      err: '',
    });
    expect(JSON.parse((await run('check', '--json')).out)).to.deep.equal({ file, problems: [] });
  });

  it('says all that is wrong with a bad one, and ends with 78', async () => {
    writeFileSync(file, 'mdoe = exec\n\ntarget-wait = soon\n');
    const { status, out, err } = await run('check');
    expect([status, out]).to.deep.equal([78, '']);
    expect(err).to.match(
      /line 1: "mdoe" is an unknown key; did you mean "mode"\?\n.*line 3: "target-wait" is "soon"/,
    );
    const json = await run('show', '--json');
    expect(json.status).to.equal(78);
    const report: unknown = JSON.parse(json.out);
    expect(report).to.have.property('file', file);
    expect(report).to.have.nested.property('problems[0].line', 1);
    expect(report).to.have.nested.property('problems[1].line', 3);
  });

  it('says that there is none', async () => {
    const { status, err } = await run('check');
    expect(status).to.equal(78);
    expect(err).to.include('there is no such file; create it, or name another one');
  });

  it('shows what holds, in a form that means the same when it is read again', async () => {
    writeFileSync(file, '\ntarget-wait = 3s\nprofile.fast.mode = exec\n');
    const { status, out } = await run('show');
    expect(status).to.equal(0);
    expect(out).to.match(/^target-wait +=\s3s +# line 2$/m);
    expect(out).to.match(/^profile\.fast\.mode += exec +# line 3$/m);
    expect(out).to.match(/^mode += fork +# default$/m);
    const again = parseConfig(out, 'again');
    expect({ ...again, profiles: new Map() }).to.deep.equal({ ...defaultConfig(), targetWait: 3000 });
    expect([...again.profiles.keys()]).to.deep.equal(['fast']);
  });

  it('shows it to machines', async () => {
    writeFileSync(file, 'target-wait = 3s\n');
    const shown: unknown = JSON.parse((await run('show', '--json')).out);
    expect(shown).to.have.property('settings').that.has.lengthOf(configKeys.length);
    expect(shown)
      .to.have.property('settings')
      .that.deep.includes({ key: 'target-wait', value: '3s', line: 1 });
    expect(shown).to.have.property('settings').that.deep.includes({ key: 'mode', value: 'fork', line: null });
  });

  for (const args of [[], ['frob'], ['check', 'show']])
    it(`ends ${JSON.stringify(args)} with 2`, async () => {
      const { status, err } = await run(...args);
      expect(status).to.equal(2);
      expect(err).to.equal('Cannot run config: say "check" or "show"; see node-driver config --help\n');
    });
});
