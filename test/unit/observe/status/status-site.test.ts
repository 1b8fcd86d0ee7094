import { expect } from 'chai';
import { createHash } from 'node:crypto';

import { createStatusSite } from '../../../../daemon/observe/status/status-site.ts';
import { exampleStatus } from '../../../support/status-fixtures.ts';

const site = createStatusSite({
  snapshot: () => Promise.resolve(exampleStatus),
  hostNames: ['Worker-17.example.org', ''],
});

describe('createStatusSite()', () => {
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:9409',
    '[::1]:9409',
    '10.0.0.7:80',
    'localhost:9409',
    'worker-17.EXAMPLE.org',
  ])
    it(`answers to ${host}`, async () => {
      expect((await site.answer(host)).status).to.equal(200);
    });

  for (const host of [
    undefined,
    '',
    'evil.example',
    'evil.example:9409',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[evil]:1',
  ])
    it(`shows nothing under the name ${host ?? 'that is missing'}`, async () => {
      const answer = await site.answer(host);
      expect(answer.status).to.equal(421);
      expect(answer.body).to.not.include('testvm');
    });

  it('has a policy that lets nothing run but what the page brings, by hash', async () => {
    const { body, headers } = await site.answer('localhost');
    const policy = headers['Content-Security-Policy'] ?? '';
    const hashes = [...body.matchAll(/<(style|script)>([^]*?)<\/\1>/g)].map(
      ([, tag = '', text = '']) =>
        `${tag}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`,
    );
    expect(policy.split('; ')).to.have.members([
      "default-src 'none'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      ...hashes,
    ]);
    expect(hashes).to.have.lengthOf(2);
    expect(body).to.not.match(/ (style|on\w+)="/);
  });

  it('leaves no more than what is named out of the page', async () => {
    const { body } = await site.answer('localhost');
    for (const { launchId, vm } of exampleStatus.machines)
      expect(body).to.include(launchId).and.to.include(vm.uuid);
    for (const { code } of exampleStatus.decisions) expect(body).to.include(code ?? '');
    for (const { title, detail } of exampleStatus.checks)
      expect(body).to.include(title).and.to.include(detail);
  });
});
