/**
 * A program, started by `SecretWatch` with a channel: searches the processes of the machine for the secrets that it is
 * told, until the channel closes. A process of its own, so that it goes on while a test keeps its own process busy.
 */
import { readTimeScale } from '../time-scale.ts';
import { ProcessSearch, STUB_WINDOW_MS } from './process-search.ts';
import { SecretMatcher } from './secret-matcher.ts';
import type { FromSampler, ToSampler } from './sampler-messages.ts';

const INTERVAL_MS = 250;

const matcher = new SecretMatcher();
const search = new ProcessSearch(matcher, STUB_WINDOW_MS * readTimeScale());
const tell = (message: FromSampler): void => {
  process.send?.(message);
};
const look = (): void => {
  for (const found of search.look()) tell({ kind: 'found', found });
};
// Reading all of /proc is what an emulated processor is slowest at.
const timer = setInterval(look, INTERVAL_MS * readTimeScale());

process.on('message', (message: ToSampler) => {
  switch (message.kind) {
    case 'secret':
      matcher.add(message.secret);
      break;
    case 'forget':
      matcher.clear();
      break;
    case 'report':
      look();
      tell({ kind: 'samples', samples: Object.fromEntries(search.samples) });
  }
});
process.on('disconnect', () => clearInterval(timer));
