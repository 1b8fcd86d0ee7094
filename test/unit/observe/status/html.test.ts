import { expect } from 'chai';

import { html, trustedHtml } from '../../../../daemon/observe/status/html.ts';

describe('html', () => {
  it('takes what is put in for text, in content and in attributes', () => {
    const hostile = `<script>alert(1)</script>"'&`;
    const escaped = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;';
    expect(html`<p title="${hostile}">${hostile}</p>`.text).to.equal(`<p title="${escaped}">${escaped}</p>`);
  });

  it('takes pieces as they are, also lists of them, and nothing for null', () => {
    const items = ['a', '<'].map((text) => html`<li>${text}</li>`);
    expect(html`${items}${null}${7}${trustedHtml('<hr>')}`.text).to.equal('<li>a</li><li>&lt;</li>7<hr>');
  });

  it('shows a box for what controls or reorders text', () => {
    expect(html`${'a\u202eb\u0000c\u2028d\u200be'}`.text).to.equal('a\ufffdb\ufffdc\ufffdd\ufffde');
  });

  it('has text in a list escaped, too', () => {
    expect(html`${['<', ['>']]}`.text).to.equal('&lt;&gt;');
  });
});
