import { ConfigError } from '../../../daemon/config/config-error.ts';
import { configKeys } from '../../../daemon/config/config-keys.ts';
import type { Config } from '../../../daemon/config/config.ts';
import { parseConfig } from '../../../daemon/config/parse-config.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

/** A file that root wrote, and may have got wrong. */
export const configText: FuzzTarget = {
  name: 'config-text',
  files: [
    'config/parse-config.ts',
    'config/read-entries.ts',
    'config/value-problems.ts',
    'config/parse-profiles.ts',
    'config/value-schemas.ts',
    'config/nearest-word.ts',
    'config/config-error.ts',
    'quote-text.ts',
  ],
  seeds: [
    configKeys.map(({ key, defaultText }) => `${key} = ${defaultText}\n`).join(''),
    ...configKeys.map(({ key }) => `${key} = \n`),
    '\ufeff# comment\r\nmode = exec # behind\r\nmode = fork\r\nmoed = x\nno equals\nwrong = 1\n',
    'mode = exec\nnamespaces = mnt pid\n',
    'secret-forms = plain, jwe\n',
    'secret-forms = jwe\nsecret-keys = /etc/keys\n',
    'profile.a.mode = exec\nprofile.a.emulator = /q\nprofile.b.namespaces = pid\nprofile.b.launch-users = x\n',
    'profile.a.mode = exec\nprofile.a.namespaces = mnt pid\nprofile.B.mode = fork\nprofile.a.wrong = 1\n',
    'namespaces = mnt user\nrequire-pod = no\nidentity = env , argv\n',
    'http-address = [::1]:80\n',
    'http-address = off\n',
    'http-address = a-b.example:65536\n',
    'kubepods-base = /kubepods.slice/\nproject = /a, /b/\nlibrary-directory = /x//y\n',
    'launch-users = 107, qemu, 4294967295\napi-users = 00\nlaunch-group = 107\n',
    'secret-lifetime = 90s\ntarget-wait = 9999h\nstub-gone-grace = 1d\n',
    'kubernetes = verify\nsecret-forms = token\nkubernetes-pod-label =\n',
    'kubernetes = verify\nrequire-pod = no\n',
    'secret-forms = token\n',
  ],
  maxLength: 4096,
  run: (input) => {
    const text = input.toString('utf8');
    const config = read(text);
    expectThat(
      JSON.stringify(read(`\n# comment\n${text.replace(/^\ufeff/, '')}\n# last`)) === JSON.stringify(config),
      'comments change nothing',
    );
    if (config === null) return;
    expectThat(config.runDirectory.startsWith('/') && config.emulator.startsWith('/'), 'paths are absolute');
    expectThat(config.launchUsers.length > 0 && config.apiUsers.length > 0, 'somebody may');
    expectThat(
      Number.isSafeInteger(config.secretLifetime) && config.secretLifetime >= 0,
      'durations are numbers',
    );
    expectThat(config.mode === 'fork' || !config.namespaces.includes('pid'), 'exec mode has no pid');
  },
};

function read(text: string): Config | null {
  try {
    return parseConfig(text, 'fuzzed');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = text.split('\n').length;
    for (const problem of error.problems) {
      expectThat(
        problem.line === null || (problem.line >= 1 && problem.line <= lines),
        'a problem is on a line',
      );
      expectThat(problem.text.length < 2000 && !/\p{Cc}/u.test(problem.text), 'a problem is told in a line');
    }
    expectThat(error.problems.length > 0, 'an error tells of a problem');
    return null;
  }
}
