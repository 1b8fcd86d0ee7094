import { expectRefused, refusedDomains, refusedSecrets } from '../support/refused-starts.ts';
import { StartBench } from '../support/start-bench.ts';

/** What a domain and its secret are refused for in fork mode, see `refusals.test.ts`, with the other stub. */
describe('a start that must be refused in exec mode', function () {
  this.timeout(30_000);
  let bench: StartBench;

  before(async function () {
    this.timeout(90_000);
    bench = await StartBench.open('exec');
  });
  after(async function () {
    this.timeout(60_000);
    await bench.scratch.close();
  });
  afterEach(() => bench.removePods());

  for (const start of [...refusedDomains, ...refusedSecrets])
    it(start.title, () => expectRefused(bench, start));

  it('leaves the next ones alone, and writes no secret', async () => {
    bench.expectNoSecret();
    await bench.expectNothingPinned();
  });
});
