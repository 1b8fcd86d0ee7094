import { Secret } from '../../../daemon/secret/secret.ts';
import { checkSecretLifetime } from '../../../daemon/secret/secret-lifetime.ts';
import { parseRfc3339 } from '../../../daemon/secret/parse-rfc3339.ts';
import { attempt } from '../attempt.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

/** `expires-at` of a pod, and the secret itself. */
export const secretTimes: FuzzTarget = {
  name: 'secret-times',
  files: ['secret/parse-rfc3339.ts', 'secret/secret-lifetime.ts', 'secret/format-duration.ts'],
  seeds: [
    '2030-01-31T12:00:00Z\n',
    '2016-12-31T23:59:60Z',
    '2017-01-01t05:29:60.123456789+05:30',
    '0000-02-29T00:00:00-23:59',
    '9999-12-31T23:59:60Z',
    '2030-02-30T12:00:00Z',
    '2030-01-31T24:00:00Z',
    'never',
  ],
  run: (input) => {
    const text = input.toString('utf8');
    const date = parseRfc3339(text);
    if (date !== null) {
      expectThat(!Number.isNaN(date.getTime()), 'a time is one');
      const year = date.getUTCFullYear();
      if (year >= 0 && year <= 9999)
        expectThat(
          parseRfc3339(date.toISOString())?.getTime() === date.getTime(),
          'a time reads as it is written',
        );
    }
    for (const containerAge of [-5, 0, 599_999, 600_000, 1e12])
      for (const expiresAt of [null, text]) {
        const now = 1_900_000_000_000;
        const paths = { secretFile: '/secret', expiresAtFile: '/expires-at' };
        const outcome = attempt(() =>
          checkSecretLifetime({ ...paths, expiresAt, now, containerAge, lifetime: 600_000 }),
        );
        if ('value' in outcome)
          expectThat(outcome.value.validUntil.getTime() > now, 'what is valid ends later');
        else
          expectThat(
            ['secret-expired', 'secret-file'].includes(outcome.code),
            'a refusal is one of a secret',
          );
      }
    checkSecret(input);
  },
};

/** However it is asked, it does not show itself. */
function checkSecret(bytes: Buffer): void {
  const secret = Secret.fromBytes(bytes);
  const key = Buffer.from('key');
  expectThat(JSON.stringify({ secret }) === '{"secret":"[redacted]"}', 'a secret is redacted');
  expectThat(
    secret.isEmpty ||
      Secret.fromBytes(Buffer.concat([bytes, Buffer.from('x')]))
        .digest(key)
        .compare(secret.digest(key)) !== 0,
    'another secret is another',
  );
}
