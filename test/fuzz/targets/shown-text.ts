import { encodeRefused } from '../../../daemon/launch/encode-frame.ts';
import { frameHeaderLength } from '../../../daemon/launch/frame.ts';
import { oneLine } from '../../../daemon/launch/one-line.ts';
import { quoteText } from '../../../daemon/quote-text.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Whatever reaches a terminal or a log. */
export const shownText: FuzzTarget = {
  name: 'shown-text',
  files: ['quote-text.ts', 'launch/one-line.ts', 'launch/encode-frame.ts'],
  seeds: [
    'plain',
    'a\u0000\u001b[31m\u202e\u2028\ufeff"\\\r\n\t\u0085\ud800',
    '\u{1f600}'.repeat(600),
    'é'.repeat(513),
  ],
  run: (input) => {
    const text = input.toString('utf8');
    expectThat(!unprintable.test(oneLine(text)), 'a line is one of printing characters');
    const quoted = quoteText(text);
    expectThat(!unprintable.test(quoted) && /^".*"$/s.test(quoted), 'quoted text prints');
    expectThat(quoted.length <= 3 + 80 * 10, 'quoted text is short');
    const payload = encodeRefused(text).subarray(frameHeaderLength);
    expectThat(payload.length <= 1024, 'a refusal fits into its frame');
    const shown = payload.toString('utf8');
    expectThat(
      Buffer.from(shown, 'utf8').equals(payload) && !unprintable.test(shown),
      'a refusal is whole characters',
    );
  },
};
