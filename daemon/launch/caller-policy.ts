import { Refusal } from '../errors.ts';
import type { LibvirtProcesses } from '../host/libvirt-processes.ts';
import type { PinnedProcess } from '../host/pinned-process.ts';
import type { Caller } from './caller.ts';
import type { AppliedSettings } from './stub-settings.ts';

export interface CallerPolicyOptions {
  /** `require-installed-stub` */
  readonly mustBeInstalled: boolean;
  /** Those whose namespaces a caller must be in; null: any will do. */
  readonly libvirt: Pick<LibvirtProcesses, 'find'> | null;
}

/** What a node may ask of its callers beside their user: where they come from. */
export class CallerPolicy {
  readonly #options: CallerPolicyOptions;

  constructor(options: CallerPolicyOptions) {
    this.#options = options;
  }

  /** @throws Refusal, whose line is always the same: the reason is for the node's log */
  async check(
    { process, connectedAs }: Pick<Caller, 'process' | 'connectedAs'>,
    { profile }: Pick<AppliedSettings, 'profile'>,
  ): Promise<void> {
    const { mustBeInstalled, libvirt } = this.#options;
    try {
      if (mustBeInstalled) checkStub(process, connectedAs, profile);
      if (libvirt !== null) await checkNamespaces(process, libvirt);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      // Whatever cannot be told is no reason to believe it.
      const reason = error instanceof Error ? error.message : String(error);
      throw notAllowed(`it cannot be told where it comes from: ${reason}`, error);
    }
  }
}

function checkStub(process: PinnedProcess, connectedAs: number, profile: string | null): void {
  if (profile === null)
    throw notAllowed(
      `"${process.readLink('exe')}" is no installed stub; copy the stub into a directory of "emulators-directory", ` +
        'or set "require-installed-stub = no"',
    );
  // A program can execute the stub once it has connected and asked. None but a setuid one connects as root.
  if (process.statLink('exe').isSetuid && connectedAs !== 0)
    throw notAllowed(
      `its stub is setuid, but it was not the stub that connected: that was uid ${connectedAs}; take the setuid bit from ` +
        'a stub that cannot make use of it (no_new_privs, nosuid), or set "require-installed-stub = no"',
    );
}

async function checkNamespaces(
  process: PinnedProcess,
  libvirt: Pick<LibvirtProcesses, 'find'>,
): Promise<void> {
  const own = placeOf(process);
  const found = await libvirt.find((each) => placeOf(each) === own);
  process.assertAlive();
  if (found === 'found') return;
  throw notAllowed(
    found === 'none'
      ? 'no libvirt runs on this node that it could come from; start libvirt, or name its executable in ' +
          '"libvirt-executables"'
      : 'it is in other user and mount namespaces than libvirt; have libvirt start the stub, or set ' +
          '"require-libvirt-namespaces = no"',
  );
}

function placeOf(process: PinnedProcess): string {
  return `${process.readLink('ns/user')} ${process.readLink('ns/mnt')}`;
}

function notAllowed(detail: string, cause?: unknown): Refusal {
  return new Refusal(
    'caller-not-allowed',
    'Cannot start a VM for this caller: the node does not let it',
    'start the VM by libvirt; the log of the node driver has the reason',
    { detail, ...(cause !== undefined && { cause }) },
  );
}
