import { Readable } from 'node:stream';
import { expect } from 'chai';
import { inspectCommand } from '../../../daemon/commands/inspect.ts';
import { matchSchema } from '../../support/match-schema.ts';
import vectors from '../../fixtures/cgroup-vectors.json' with { type: 'json' };

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function inspect(
  args: readonly string[],
  input: string | readonly Buffer[] = '',
  isTerminal = false,
): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const status = await inspectCommand(args, {
    stdin: Readable.from(typeof input === 'string' ? [input] : input),
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    outputClosed: new AbortController().signal,
    isTerminal,
    hasColour: false,
  });
  if (stdout !== '' && args.includes('--json')) matchSchema('inspect-cgroup', stdout);
  return { status, stdout, stderr };
}

interface Vector {
  readonly name: string;
  readonly lines: readonly string[];
  readonly base: string | null;
  readonly expect: {
    readonly podUID: string | null;
    readonly containerID: string | null;
    readonly reject: string | null;
  };
}

const cases: readonly Vector[] = vectors;
const podUid = '11111111-2222-3333-4444-555555555555';
const containerId = 'a'.repeat(64);
const text = `0::/kubepods/pod${podUid}/${containerId}\n`;

describe('inspectCommand', () => {
  for (const {
    name,
    lines,
    base,
    expect: { podUID, containerID, reject },
  } of cases) {
    it(`prints one line of JSON for: ${name}`, async () => {
      const args = ['cgroup', '--json', ...(base === null ? [] : ['--base', base])];
      const expected = reject === null ? { podUID, containerID } : { reject };
      expect(await inspect(args, lines.map((line) => `${line}\n`).join(''))).to.deep.equal({
        status: reject === null ? 0 : 1,
        stdout: `${JSON.stringify(expected)}\n`,
        stderr: '',
      });
    });
  }

  it('prints for people', async () => {
    expect(await inspect(['cgroup'], text)).to.deep.equal({
      status: 0,
      stdout: `Pod UID       ${podUid}\nContainer ID  ${containerId}\n`,
      stderr: '',
    });
    expect((await inspect(['cgroup'], '0::/\n')).stdout).to.equal('Pod UID       none\nContainer ID  none\n');
  });

  for (const [input, word] of [
    ['0:/kubepods', 'malformed'],
    ['0::/x (deleted)', 'deleted'],
    [`5:pids:/docker/${containerId}\n0::/docker/${'b'.repeat(64)}`, 'conflict'],
  ] as const) {
    it(`says why a text is refused as ${word}`, async () => {
      const { status, stdout } = await inspect(['cgroup'], input);
      expect(status).to.equal(1);
      expect(stdout).to.match(new RegExp(`^Refused \\(${word}\\): .+\\.\n$`));
    });
  }

  it('looks below the base only', async () => {
    const nobody = { status: 0, stdout: '{"podUID":null,"containerID":null}\n', stderr: '' };
    expect(await inspect(['cgroup', '--base', '/kubepods.slice', '--json'], text)).to.deep.equal(nobody);
    expect((await inspect(['cgroup', '--base=/kubepods', '--json'], text)).stdout).to.include(podUid);
    expect((await inspect(['cgroup', '--base', '/', '--json'], text)).stdout).to.include(podUid);
  });

  it('reads a text that arrives in pieces', async () => {
    const pieces = [...Buffer.from(text).values()].map((byte) => Buffer.of(byte));
    expect((await inspect(['cgroup', '--json'], pieces)).stdout).to.include(podUid);
  });

  it('accepts 64 KiB and refuses more without reading on', async () => {
    const line = `0::/${'x'.repeat(2 ** 16 - 5)}\n`;
    expect((await inspect(['cgroup', '--json'], line)).status).to.equal(0);
    expect(await inspect(['cgroup', '--json'], `${line}\n`)).to.deep.include({
      status: 1,
      stdout: '{"reject":"malformed"}\n',
    });

    let given = 0;
    function* endless(): Generator<Buffer> {
      for (;;) {
        given += 1;
        yield Buffer.alloc(4096, 'x');
      }
    }
    let stdout = '';
    const status = await inspectCommand(['cgroup'], {
      stdin: Readable.from(endless()),
      stdout: (written) => (stdout += written),
      stderr: () => undefined,
      outputClosed: new AbortController().signal,
      isTerminal: false,
      hasColour: false,
    });
    expect(status).to.equal(1);
    expect(stdout).to.equal('Refused (malformed): it is longer than 64 KiB.\n');
    expect(given).to.be.lessThan(100);
  });

  it('tells a person at a terminal what it waits for', async () => {
    const { stdout, stderr } = await inspect(['cgroup', '--json'], text, true);
    expect(stderr).to.include('Ctrl-D');
    expect(stdout.split('\n')).to.have.length(2);
  });

  for (const args of [['--help'], ['-h'], ['cgroup', '--help']]) {
    it(`prints its usage with an example for ${args.join(' ')}`, async () => {
      const { status, stdout, stderr } = await inspect(args);
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
      expect(stdout).to.match(/^Usage: node-driver inspect cgroup /);
      expect(stdout).to.match(/Example:\n {2}node-driver inspect cgroup .*</);
    });
  }

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[], 'the subject is missing'],
    [['pod'], 'the subject is "pod"'],
    [['cgroup', '/proc/1/cgroup'], 'the argument "/proc/1/cgroup" is one too many'],
    [['cgroup', '--bsae', '/x'], "Unknown option '--bsae'"],
    [['cgroup', '--base'], "'--base <value>' argument missing"],
    [['cgroup', '--base', 'kubepods'], 'the base "kubepods" must be an absolute cgroup path'],
    [['cgroup', '--base', ''], 'the base "" must be an absolute cgroup path'],
    [['cgroup', '--base', '/a/../b'], 'without ".." in it'],
    [['cgroup', '--json=yes'], "'--json' does not take an argument"],
  ];
  for (const [args, cause] of wrong) {
    it(`refuses the arguments ${JSON.stringify(args)} in one line`, async () => {
      const { status, stdout, stderr } = await inspect(args, text);
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(/^Cannot inspect: .*; see node-driver inspect --help\n$/);
      expect(stderr).to.include(cause);
    });
  }
});
