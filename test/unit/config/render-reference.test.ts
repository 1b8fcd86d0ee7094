import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { configKeys } from '../../../daemon/config/config-keys.ts';
import { renderReference } from '../../../daemon/config/render-reference.ts';

describe('renderReference', () => {
  it('has a row for each key with its default', () => {
    const text = renderReference();
    for (const { key, defaultText } of configKeys) {
      const rows = text.split('\n').filter((row) => row.startsWith(`| \`${key}\` `));
      expect(rows).to.have.length(1);
      const shown = rows[0]?.split('|')[2]?.trim();
      expect(shown).to.equal(defaultText === '' ? 'empty' : `\`${defaultText}\``);
    }
  });

  it('is what docs/configuration.md holds (else run: node daemon/config/write-reference.ts)', () => {
    const committed = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    expect(committed).to.equal(renderReference());
  });
});
