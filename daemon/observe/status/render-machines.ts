import type { Machine, MachineExit, MachineState } from '../../machines/machine.ts';
import { html, type Html } from './html.ts';
import { renderSteps } from './render-steps.ts';
import { renderTable } from './render-table.ts';
import { renderTime } from './render-time.ts';

/** So many that have ended are shown. */
const MAX_ENDED = 20;

const stateLook: Readonly<Record<MachineState, string>> = {
  starting: 'warning',
  running: 'ok',
  exited: 'skipped',
  lost: 'failure',
};

const exitTexts: Readonly<Record<MachineExit['reason'], string>> = {
  qemu: 'QEMU ended',
  'stub-gone': 'libvirt ended it',
  'pod-gone': 'its pod ended',
  'shim-gone': 'its supervisor was lost',
  oom: 'its pod ran out of memory',
};

/** Those that run first, and the newest of each kind first. */
export function renderMachines(machines: readonly Machine[], now: Date): Html {
  const isLive = ({ state }: Machine): boolean => state === 'running' || state === 'starting';
  const live = machines.filter(isLive).toReversed();
  const ended = machines.filter((machine) => !isLive(machine)).toReversed();
  const shown = [...live, ...ended.slice(0, MAX_ENDED)];
  const body =
    shown.length === 0
      ? html`<p class="empty">No VM was started on this node.</p>`
      : renderTable(
          titles,
          shown.map((machine) => renderMachine(machine, now)),
        );
  return html`<section aria-labelledby="machines">
    <h2 id="machines">VMs <span>${live.length} live, ${ended.length} ended</span></h2>
    ${body}
  </section>`;
}

const titles = ['VM', 'State', 'Pod', 'Mode', 'Accepted', 'Took'];

function renderMachine(machine: Machine, now: Date): Html {
  const { launchId, vm, state, podUid, mode, profile, qemu, exit, steps = [] } = machine;
  return html`<tr role="row">
    <td role="cell" data-label="VM">
      <div>
        <strong>${vm.name ?? vm.uuid}</strong
        >${vm.name === undefined ? null : html`<span class="sub">${vm.uuid}</span>`}<span class="sub"
          >launch <code>${launchId}</code></span
        >
      </div>
    </td>
    <td role="cell" data-label="State">
      <div>
        <span class="badge ${stateLook[state]}">${state}</span
        >${exit === undefined ? null : html`<span class="sub">${describeExit(exit)}, ${renderTime(new Date(exit.at), now)}</span>`}
      </div>
    </td>
    <td role="cell" data-label="Pod"><code>${podUid ?? 'none'}</code></td>
    <td role="cell" data-label="Mode" class="narrow">
      <div>
        ${mode}${profile === undefined ? null : html`<span class="sub">${profile}</span>`}${qemu === undefined || exit !== undefined ? null : html`<span class="sub">pid ${qemu.pid}</span>`}
      </div>
    </td>
    <td role="cell" data-label="Accepted" class="narrow">${renderTime(new Date(machine.createdAt), now)}</td>
    <td role="cell" data-label="Took" class="narrow">${renderSteps(`machine ${launchId}`, steps)}</td>
  </tr>`;
}

function describeExit({ kind, value, reason }: MachineExit): string {
  const how =
    kind === 'unknown' ? '' : kind === 'exit' ? ` (status ${value ?? '-'})` : ` (signal ${value ?? '-'})`;
  return `${exitTexts[reason]}${how}`;
}
