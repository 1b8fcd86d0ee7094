import { shellQuote } from '../shell-quote.ts';
import { newFinding, type Finding } from './finding.ts';
import { octalMode } from './octal-mode.ts';

/** A file or directory as `lstat(2)` has it. */
export interface PlaceEvidence {
  readonly path: string;
  readonly kind: 'directory' | 'socket' | 'link' | 'other';
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface SocketEvidence {
  /** `launch.sock` or `api.sock`. */
  readonly name: string;
  /** Every directory above it from the root on, then the socket; ends early where something is missing. */
  readonly places: readonly PlaceEvidence[];
  readonly path: string;
  /** Of the socket and of its directory. */
  readonly wantedMode: number;
  readonly wantedDirectoryMode: number;
  readonly wantedGid: number;
  readonly isServing: boolean;
}

/** A socket of the daemon: whoever could replace it, or connect to it, without being meant to. */
export function judgeSocket(evidence: SocketEvidence): Finding {
  const { name: subject, places, path, wantedMode, wantedDirectoryMode, wantedGid, isServing } = evidence;
  for (const { path: at, kind, uid, mode } of places) {
    const name = shellQuote(at);
    if (at === path) continue;
    if (kind === 'link')
      return newFinding('failure', `${at} is a link: the stub follows none on its way to the daemon`, {
        subject,
        remedy: 'set "run-directory" to a path without links',
      });
    if (kind !== 'directory')
      return newFinding('failure', `${at} is no directory`, { subject, command: `rm ${name}` });
    // Where it is sticky, others can't rename what is root's.
    if (uid !== 0 || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0))
      return newFinding(
        'failure',
        `others than root may write to ${at}: the stub does not trust what is in it`,
        {
          subject,
          command: `chown root ${name} && chmod go-w ${name}`,
        },
      );
  }
  const socket = places.find((place) => place.path === path);
  if (socket === undefined)
    return isServing
      ? newFinding('failure', `${path} is not there, though the daemon serves: somebody removed it`, {
          subject,
          remedy: 'restart the daemon; VMs go on',
        })
      : newFinding('skipped', `${path} is not there; the daemon makes it`, { subject });
  if (socket.kind !== 'socket')
    return newFinding('failure', `${path} is no socket`, { subject, command: `rm ${shellQuote(path)}` });
  const directory = places.at(-2);
  const wrong = [
    ...(directory === undefined ? [] : fix(directory, wantedDirectoryMode, wantedGid)),
    ...fix(socket, wantedMode, wantedGid),
  ];
  if (wrong.length > 0)
    return newFinding('failure', wrong.map(({ fault }) => fault).join(', and '), {
      subject,
      command: wrong.map(({ command }) => command).join(' && '),
    });
  return newFinding('ok', `${path} is ${describe(socket)}`, { subject });
}

function fix(
  { path, uid, gid, mode }: PlaceEvidence,
  wantedMode: number,
  wantedGid: number,
): readonly { readonly fault: string; readonly command: string }[] {
  if (uid === 0 && gid === wantedGid && (mode & 0o7777) === wantedMode) return [];
  const name = shellQuote(path);
  return [
    {
      fault: `${path} is ${describe({ uid, gid, mode })}, not ${describe({ uid: 0, gid: wantedGid, mode: wantedMode })}`,
      command: `chown 0:${wantedGid} ${name} && chmod ${wantedMode.toString(8)} ${name}`,
    },
  ];
}

function describe({ uid, gid, mode }: Pick<PlaceEvidence, 'uid' | 'gid' | 'mode'>): string {
  return `${octalMode(mode)} ${uid}:${gid}`;
}
