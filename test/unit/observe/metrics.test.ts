import { expect } from 'chai';

import { refusalCodes } from '../../../daemon/errors.ts';
import { createMetrics, type Metrics } from '../../../daemon/observe/metrics.ts';

const build = { version: '1.2.3', commit: 'abcdef0', nodeVersion: '24.0.0' };

async function linesOf(metrics: Metrics): Promise<readonly string[]> {
  return (await metrics.render()).split('\n').filter((line) => line.startsWith('kubevirt_node_driver_'));
}

describe('createMetrics()', () => {
  it('starts every series at 0, one for each refusal code', async () => {
    const lines = await linesOf(createMetrics(build));
    for (const code of refusalCodes)
      expect(lines).to.include(`kubevirt_node_driver_launches_total{result="refused",reason="${code}"} 0`);
    expect(lines).to.include.members([
      'kubevirt_node_driver_launches_total{result="started",reason="none"} 0',
      'kubevirt_node_driver_launch_duration_seconds_count{result="started"} 0',
      'kubevirt_node_driver_machine_exits_total{reason="pod-gone"} 0',
      'kubevirt_node_driver_machines{state="running",mode="exec"} 0',
      'kubevirt_node_driver_launch_step_duration_seconds_count{step="hand-over",mode="fork"} 0',
      'kubevirt_node_driver_candidates_count{verdict="zombie"} 0',
      'kubevirt_node_driver_adopted_machines{state="lost"} 0',
      'kubevirt_node_driver_broker_restarts_total 0',
      'kubevirt_node_driver_ready 0',
      'kubevirt_node_driver_secret_checks_total{result="refused"} 0',
      'kubevirt_node_driver_peers_rejected_total{socket="api"} 0',
      'kubevirt_node_driver_kubernetes_informer_state{state="synced"} 0',
      'kubevirt_node_driver_kubernetes_watch_restarts_total{reason="silent"} 0',
      'kubevirt_node_driver_kubernetes_watch_last_event_timestamp_seconds 0',
      'kubevirt_node_driver_kubernetes_cached_pods 0',
      'kubevirt_node_driver_kubernetes_verdicts_total{verdict="foreign-container"} 0',
      'kubevirt_node_driver_kubernetes_events_total{result="dropped"} 0',
      'kubevirt_node_driver_kubernetes_token_reviews_total{result="cached"} 0',
      'kubevirt_node_driver_build_info{version="1.2.3",commit="abcdef0",node_version="24.0.0"} 1',
    ]);
  });

  it('counts what it is told', async () => {
    const metrics = createMetrics(build);
    metrics.launchStarted('fork', 0.3, [
      { step: 'find', seconds: 0.1 },
      { step: 'start', seconds: 0.2 },
    ]);
    metrics.candidatesSeen({ usable: 1, 'turned-down': 3, zombie: 0 });
    metrics.machinesAdopted([{ state: 'lost', mode: 'exec' }], 0.5);
    metrics.askReady(() => true);
    metrics.launchRefused('secret-mismatch', 0.02);
    metrics.machineExited('stub-gone');
    metrics.secretChecked('limited');
    metrics.peerRejected('launch');
    metrics.countMachines(() => [
      { state: 'running', mode: 'fork' },
      { state: 'running', mode: 'exec' },
      { state: 'running', mode: 'exec' },
      { state: 'lost', mode: 'fork' },
    ]);
    expect(await linesOf(metrics)).to.include.members([
      'kubevirt_node_driver_launches_total{result="started",reason="none"} 1',
      'kubevirt_node_driver_launches_total{result="refused",reason="secret-mismatch"} 1',
      'kubevirt_node_driver_launch_duration_seconds_bucket{le="0.25",result="started"} 0',
      'kubevirt_node_driver_launch_duration_seconds_bucket{le="0.5",result="started"} 1',
      'kubevirt_node_driver_launch_duration_seconds_sum{result="refused"} 0.02',
      'kubevirt_node_driver_machine_exits_total{reason="stub-gone"} 1',
      'kubevirt_node_driver_machines{state="running",mode="fork"} 1',
      'kubevirt_node_driver_machines{state="running",mode="exec"} 2',
      'kubevirt_node_driver_machines{state="lost",mode="fork"} 1',
      'kubevirt_node_driver_launch_step_duration_seconds_sum{step="find",mode="fork"} 0.1',
      'kubevirt_node_driver_launch_step_duration_seconds_count{step="start",mode="fork"} 1',
      'kubevirt_node_driver_launch_step_duration_seconds_count{step="find",mode="exec"} 0',
      'kubevirt_node_driver_candidates_sum{verdict="turned-down"} 3',
      'kubevirt_node_driver_adopted_machines{state="lost"} 1',
      'kubevirt_node_driver_adoption_duration_seconds 0.5',
      'kubevirt_node_driver_ready 1',
      'kubevirt_node_driver_secret_checks_total{result="limited"} 1',
      'kubevirt_node_driver_peers_rejected_total{socket="launch"} 1',
    ]);
  });

  it('keeps two registries apart, each with the figures of the process', async () => {
    const [one, other] = [createMetrics(build), createMetrics(build)];
    one.machineExited('qemu');
    expect(await linesOf(other)).to.include('kubevirt_node_driver_machine_exits_total{reason="qemu"} 0');
    expect(await other.render()).to.match(/^process_resident_memory_bytes [1-9]/mu);
  });
});
