import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { startInformer, type InformerRig } from '../../support/informer-rig.ts';
import { waitUntil } from '../../support/wait-until.ts';

const pod = (index: number, more: object = {}): { uid: string; name: string; containers: string[] } => ({
  uid: `uid-${index}`,
  name: `virt-launcher-${index}`,
  containers: [String(index).padStart(64, '0')],
  ...more,
});
const restarts = (reason: string): string => `watch_restarts_total{reason="${reason}"}`;
const state = (name: string): string => `informer_state{state="${name}"}`;

describe('PodInformer', function () {
  this.timeout(60_000);
  // Not to be counted as a pause.
  before(() => import('../../../daemon/kubernetes/client-parts.ts'));
  let rig: InformerRig | undefined;
  const start = async (...args: Parameters<typeof startInformer>): Promise<InformerRig> => {
    rig = await startInformer(...args);
    return rig;
  };
  afterEach(async () => {
    await rig?.close();
    rig = undefined;
  });

  it('knows the pods of its node, and keeps nothing else of them', async () => {
    const { api, informer, is, knows, metric } = await start({}, (fake) => {
      fake.put(pod(1, { initContainers: ['a'.repeat(64)] }));
      fake.put(pod(2, { node: 'another-node' }));
    });
    await is('synced');
    expect(informer.find('uid-1')).to.deep.equal({
      uid: 'uid-1',
      namespace: 'vms',
      name: 'virt-launcher-1',
      phase: 'Running',
      isDeleting: false,
      label: 'virt-launcher',
      containerIds: ['1'.padStart(64, '0'), 'a'.repeat(64)],
    });
    api.put(pod(3));
    await knows(2);
    api.put(pod(3, { deleting: true, phase: 'Failed', labels: {} }));
    api.remove('uid-1');
    await knows(1);
    expect(informer.find('uid-3')).to.deep.include({ isDeleting: true, phase: 'Failed', label: null });
    expect(await metric('cached_pods')).to.equal(1);
    expect([await metric(state('synced')), await metric(state('starting'))]).to.deep.equal([1, 0]);
    expect(await metric('watch_last_event_timestamp_seconds')).to.be.closeTo(Date.now() / 1000, 10);
  });

  it('asks for the pods of its node alone, with bookmarks and an end', async () => {
    const { api } = await start();
    await waitUntil('it watches', () => api.openWatches === 1, 5000);
    const list = api.requests.find(({ verb }) => verb === 'list')?.query;
    expect(list?.get('fieldSelector')).to.equal('spec.nodeName=node-1.example');
    expect([list?.get('resourceVersion'), list?.get('resourceVersionMatch')]).to.deep.equal([
      '0',
      'NotOlderThan',
    ]);
    const watch = api.requests.find(({ verb }) => verb === 'watch')?.query;
    expect(watch?.get('fieldSelector')).to.equal('spec.nodeName=node-1.example');
    expect(watch?.get('allowWatchBookmarks')).to.equal('true');
    expect(Number(watch?.get('timeoutSeconds'))).to.be.within(60, 120);
  });

  it('begins a watch anew that the API server has ended, at once and without a list', async () => {
    const { api, is, knows, reaches, metric } = await start({ watchMs: 500, briefMs: 300 });
    await is('synced');
    await reaches(restarts('closed'), 3);
    api.put(pod(1));
    await knows(1);
    expect(api.count('list', 'pods')).to.equal(1);
    expect(await metric(state('synced'))).to.equal(1);
  });

  it('is starting while the first list fails, and synced once it does not', async () => {
    const { api, informer, is, reaches, metric } = await start({}, (fake) => {
      fake.listStatus = 503;
      fake.put(pod(1));
    });
    await reaches(restarts('list'), 3);
    expect([informer.state, informer.size]).to.deep.equal(['starting', 0]);
    expect(await metric(state('starting'))).to.equal(1);
    expect(await metric('watch_last_event_timestamp_seconds')).to.equal(0);
    api.listStatus = 200;
    await is('synced');
    expect(informer.size).to.equal(1);
  });

  it('survives a restart of the API server: degraded meanwhile, with what it knew', async () => {
    const { api, informer, is, knows, reaches, metric } = await start({}, (fake) => fake.put(pod(1)));
    await is('synced');
    await api.stop();
    await is('degraded');
    await reaches(restarts('connection'), 2);
    expect(await metric(state('degraded'))).to.equal(1);
    expect(informer.size).to.equal(1);
    api.put(pod(2));
    await api.start();
    await is('synced');
    await knows(2);
    expect(await metric(state('degraded'))).to.equal(0);
  });

  it('begins anew when the connection of the watch is reset, and misses nothing', async () => {
    const { api, is, knows, reaches } = await start();
    await is('synced');
    for (let i = 1; i <= 3; i++) {
      await reaches('cached_pods', i - 1);
      await waitUntil('it watches', () => api.openWatches === 1, 5000);
      api.resetWatches();
      api.put(pod(i));
      await reaches(restarts('connection'), i);
      await knows(i);
    }
    await is('synced');
    expect(api.count('list', 'pods')).to.equal(1);
  });

  it('takes a new list after 410 as a status', async () => {
    const { api, is, knows, reaches } = await start({}, (fake) => fake.put(pod(1)));
    await is('synced');
    api.watchStatus = 410;
    api.closeWatches();
    api.put(pod(2));
    await reaches(restarts('gone'), 2);
    api.watchStatus = 200;
    await knows(2);
    await is('synced');
    // What it has seen last is forgotten there: it asks for the newest.
    expect(
      api.requests
        .filter(({ verb }) => verb === 'list')
        .at(-1)
        ?.query.has('resourceVersion'),
    ).to.equal(false);
  });

  it('takes a new list after 410 as an event', async () => {
    const { api, is, knows, reaches } = await start({}, (fake) => fake.put(pod(1)));
    await is('synced');
    api.put(pod(2));
    await knows(2);
    api.remove('uid-1');
    await knows(1);
    api.say('ERROR', { kind: 'Status', code: 410, message: 'too old resource version' });
    api.compact();
    await reaches(restarts('gone'), 1);
    await is('synced');
    expect(api.count('list', 'pods')).to.equal(2);
    // Also where the watch itself begins with it, at a version that was compacted.
    await waitUntil('it watches', () => api.openWatches === 1, 5000);
    api.compact();
    api.closeWatches();
    await reaches(restarts('gone'), 2);
    await is('synced');
  });

  it('gives up a watch that has gone silent, and lists', async () => {
    const { api, is, knows, reaches } = await start({ silenceMs: 300 }, (fake) => fake.put(pod(1)));
    await is('synced');
    api.isSilent = true;
    api.put(pod(2));
    await reaches(restarts('silent'), 1);
    await knows(2);
    api.isSilent = false;
    await is('synced');
  });

  it('keeps a watch on which only bookmarks come, and watches on from the last of them', async () => {
    const { api, is, metric } = await start({ silenceMs: 600 }, (fake) => {
      fake.bookmarkMs = 100;
      fake.put(pod(1));
    });
    await is('synced');
    await sleep(1500);
    expect(await metric(restarts('silent'))).to.equal(0);
    expect(api.count('watch', 'pods')).to.equal(1);
  });

  it('is degraded while the API server is stuck, and synced when it is not', async () => {
    const { api, is, reaches } = await start({ silenceMs: 200, listDeadlineMs: 200 });
    await is('synced');
    api.isStuck = true;
    api.closeWatches();
    await reaches(restarts('list'), 2);
    await is('degraded');
    api.isStuck = false;
    await is('synced');
  });

  it('backs off where the API server refuses or ends each watch at once', async () => {
    const { api, is, reaches } = await start({ retry: { firstMs: 100, longestMs: 2000 } });
    await is('synced');
    api.watchStatus = 403;
    api.closeWatches();
    await reaches(restarts('status'), 3);
    await is('degraded');
    const before = api.requests.length;
    await sleep(1000);
    expect(api.requests.length - before).to.be.lessThan(12);
    api.watchStatus = 200;
    await is('synced');
  });

  it('lists the pods from time to time, whatever comes by watches', async () => {
    const { api, reaches, is, metric } = await start({ relistMs: 300 });
    await is('synced');
    await reaches(restarts('relist'), 2);
    expect(api.count('list', 'pods')).to.be.at.least(2);
    expect(await metric(state('synced'))).to.equal(1);
  });

  it('shows how far the clocks are apart, and is not misled by it', async () => {
    const { is, knows, api, metric } = await start({}, (fake) => {
      fake.clockOffsetMs = -3_600_000;
      fake.put(pod(1));
    });
    await is('synced');
    expect(await metric('clock_skew_seconds')).to.be.closeTo(-3600, 5);
    api.put(pod(2));
    await knows(2);
    expect(await metric('watch_last_event_timestamp_seconds')).to.be.closeTo(Date.now() / 1000, 10);
  });

  it('takes 5,000 pods in pages, without keeping others waiting long', async () => {
    const delays: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      delays.push(performance.now() - last);
      last = performance.now();
    }, 5);
    try {
      const { api, informer, is, knows } = await start({}, (fake) => {
        for (let i = 0; i < 5000; i++) fake.put(pod(i));
      });
      await is('synced');
      expect(informer.size).to.equal(5000);
      expect(api.count('list', 'pods')).to.equal(20);
      for (let i = 0; i < 5000; i += 2) api.remove(`uid-${i}`);
      await knows(2500);
    } finally {
      clearInterval(timer);
    }
    if (process.env['KND_VERBOSE'] !== undefined)
      console.log(`longest pause ${Math.max(...delays).toFixed(0)} ms`);
  });

  it('stops at once, also while the API server does not answer', async () => {
    const { informer } = await start({}, (fake) => (fake.isStuck = true));
    const begin = performance.now();
    await informer.stop();
    expect(performance.now() - begin).to.be.lessThan(2000);
    expect(informer.state).to.equal('starting');
  });
});
