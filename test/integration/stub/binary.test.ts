import { expect } from 'chai';
import { copyFileSync, cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { stubSources } from './installed-stub.ts';

const MAX_SIZE = 100_000;

/** Functions of a libc that read the environment, load code, start programs by PATH, or ask the name services. */
const denied = [
  ['getenv', 'secure_getenv', 'putenv', 'setenv', 'unsetenv', 'clearenv', 'setlocale', 'newlocale', 'tzset'],
  ['getpwnam', 'getpwuid', 'getpwnam_r', 'getpwuid_r', 'getgrnam', 'getgrgid', 'getgrouplist', 'initgroups'],
  ['getaddrinfo', 'getnameinfo', 'gethostbyname', 'getservbyname', 'res_query', 'syslog', 'openlog'],
  ['system', 'popen', 'execl', 'execle', 'execlp', 'execv', 'execvp', 'execvpe', 'posix_spawnp', 'wordexp'],
  ['dlopen', 'dlsym', 'tmpfile', 'tmpnam', 'tempnam', 'mkstemp', 'catopen', 'gettext', 'iconv_open'],
  ['printf', 'fopen', 'malloc'],
].flat();

/** What the way into the pod needs beside: the plan and the mount points that it copies are of any size. */
const allowed: Readonly<Record<string, readonly string[]>> = { 'qemu-kube-exec': ['malloc'] };

for (const program of ['qemu-kube', 'qemu-kube-exec'])
  describe(`the binary of ${program}`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let stripped: string;
    let symbols: string;

    before(async () => {
      scratch = Scratch.open('test');
      stripped = join(scratch.directory, 'stripped', program);
      symbols = join(scratch.directory, 'symbols', program);
      await runCommand('make', ['-s', '-C', stubSources, `BUILD=${join(stripped, '..')}`]);
      await runCommand('make', ['-s', '-C', stubSources, `BUILD=${join(symbols, '..')}`, 'STRIP=']);
    });
    after(() => scratch.close());

    it('is smaller than 100 KB', () => expect(statSync(stripped).size).to.be.below(MAX_SIZE));

    it('has no interpreter and needs no library', async () => {
      const { stdout } = await runCommand('readelf', ['-ldW', stripped]);
      expect(stdout)
        .to.match(/GNU_RELRO/)
        .and.match(/BIND_NOW/);
      expect(stdout).not.to.match(/INTERP|NEEDED|RPATH|RUNPATH|RWE/);
    });

    it('is position-independent, with a stack that is not executable and is protected', async () => {
      const { stdout } = await runCommand('readelf', ['-hldW', stripped]);
      expect(stdout)
        .to.match(/Type:\s+DYN/)
        .and.match(/FLAGS_1.*PIE/)
        .and.match(/GNU_STACK .* RW +0x/);
      // Nothing is both: what is written is not executed.
      expect(stdout).not.to.match(/LOAD .* (RWE|WE) /);
      expect(stdout).not.to.include('TEXTREL');
      // The libc has the function in any case: what counts is who calls it.
      const code = (await runCommand('objdump', ['-d', '--no-show-raw-insn', symbols])).stdout;
      const callers = new Set(
        code
          .split(/\n\n/)
          .filter((text) => /\b(call|bl)\s.*<__stack_chk_fail>/.test(text))
          .map((text) => /<(\w+)>:/.exec(text)?.[1]),
      );
      expect([...callers]).to.include.members(['send_request']);
    });

    it('is the same where it is built in another directory', async () => {
      const elsewhere = join(scratch.directory, 'another/place');
      mkdirSync(elsewhere, { recursive: true });
      cpSync(stubSources, join(elsewhere, 'stub'), {
        recursive: true,
        filter: (path) => !path.includes('/build'),
      });
      copyFileSync(join(stubSources, '../package.json'), join(elsewhere, 'package.json'));
      await runCommand('make', ['-s', '-C', join(elsewhere, 'stub')]);
      expect(readFileSync(join(elsewhere, 'stub/build', program)).equals(readFileSync(stripped))).to.equal(
        true,
      );
    });

    it('links nothing that reads the environment or asks the name services', async () => {
      const { stdout } = await runCommand('nm', [symbols]);
      const names = new Set(stdout.split('\n').flatMap((line) => line.split(' ').slice(-1)));
      expect(names).to.include('execve'); // the list is one of symbols
      const found = denied.filter((name) => names.has(name) || names.has(`__${name}`));
      expect(found).to.deep.equal(allowed[program] ?? []);
    });

    it('names its version and is the same with every build', async () => {
      const { version } = JSON.parse(readFileSync(join(stubSources, '../package.json'), 'utf8')) as {
        version: string;
      };
      expect((await runCommand(stripped, ['--version'])).stdout).to.equal(`${program} ${version}\n`);
      const again = join(scratch.directory, 'again', program);
      await runCommand('make', ['-s', '-C', stubSources, `BUILD=${join(again, '..')}`]);
      expect(readFileSync(again).equals(readFileSync(stripped))).to.equal(true);
    });
  });

describe('what is shipped', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  const programs = ['qemu-kube', 'qemu-kube-exec', 'qemu-kube-broker', 'qemu-kube-shim'];
  const build = async (name: string, ...options: readonly string[]): Promise<readonly Buffer[]> => {
    const directory = join(scratch.directory, name);
    // As the environment of a careless builder may have it.
    const environment = { FAILPOINTS: '/tmp' };
    await runCommand('make', ['-s', '-C', stubSources, `BUILD=${directory}`, ...options], { environment });
    return programs.map((program) => readFileSync(join(directory, program)));
  };

  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  it('has no failpoint, and those of a build for tests are seen', async () => {
    const shipped = await build('shipped');
    expect(shipped.map((binary) => binary.includes('failpoint'))).to.deep.equal([false, false, false, false]);
    const tested = await build('tested', 'FAILPOINTS=/tmp/points');
    expect(tested.map((binary) => binary.includes('failpoint'))).to.deep.equal([false, true, true, true]);
    const paths = programs.map((program) => join(scratch.directory, 'tested', program));
    const check = await runCommand(join(stubSources, 'check-binary.sh'), paths, { allowFailure: true });
    expect(check.status).to.equal(1);
    expect(check.stderr).to.equal(`${paths[1] ?? ''}: has failpoints\n`);
  });
});
