import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { parseUsers, readHostFile, resolveGroup, resolveUsers } from '../host/user-database.ts';
import { elfMachine } from '../install/elf-machine.ts';
import type { ExaminedNode } from './examined-node.ts';
import type { Check } from './examination.ts';
import type { Finding } from './finding.ts';
import { judgeProgram } from './judge-program.ts';
import { judgeSocket, type PlaceEvidence } from './judge-socket.ts';
import { judgeState } from './judge-state.ts';
import { judgeUsers } from './judge-users.ts';

/** Programs, users, directories and sockets of the daemon. */
export function lookAtPlaces(node: ExaminedNode): readonly Check[] {
  const { config, isServing } = node;
  const run = config.runDirectory;
  const directories = [path.join(run, 'state'), config.stateDirectory];
  return [
    { name: 'programs', look: () => lookAtPrograms(node) },
    { name: 'users', look: () => lookAtUsers(node) },
    {
      name: 'sockets',
      look: async () => {
        const launchGid = launchGroup(node) ?? 0;
        const common = { wantedDirectoryMode: 0o750, isServing };
        const launch = path.join(run, 'launch/launch.sock');
        const api = path.join(run, 'api/api.sock');
        return [
          judgeSocket({
            ...common,
            name: 'launch.sock',
            path: launch,
            places: await placesOf(launch),
            wantedMode: 0o660,
            wantedGid: launchGid,
          }),
          judgeSocket({
            ...common,
            name: 'api.sock',
            path: api,
            places: await placesOf(api),
            wantedMode: 0o600,
            wantedGid: 0,
          }),
        ];
      },
    },
    { name: 'state', look: async () => Promise.all(directories.map(lookAtState)) },
  ];
}

/** Group that may connect to `launch.sock`; null: root's alone. */
export function launchGroup({ config, root }: Pick<ExaminedNode, 'config' | 'root'>): number | null {
  const { launchGroup: group, launchUsers } = config;
  if (group === null) return resolveUsers(parseUsers(readHostFile(root, '/etc/passwd')), launchUsers).gid;
  return resolveGroup(root, group);
}

async function lookAtPrograms({
  libraryDirectory,
  machine,
  version,
}: ExaminedNode): Promise<readonly Finding[]> {
  const programs = ['qemu-kube-broker', 'qemu-kube-shim'].map(async (name) => {
    const file = path.join(libraryDirectory, name);
    const expected = { machine, version };
    try {
      await fs.access(file, fs.constants.X_OK);
      const content = await fs.readFile(file);
      const own =
        /\0qemu-kube-broker (\d+\.\d+\.\d+[\w.-]*)\0/u.exec(content.toString('latin1'))?.[1] ?? null;
      return judgeProgram({ path: file, fault: null, machine: elfMachine(content), version: own }, expected);
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'EISDIR')) throw error;
      return judgeProgram({ path: file, fault: error.code, machine: null, version: null }, expected);
    }
  });
  return Promise.all(programs);
}

function lookAtUsers(node: ExaminedNode): readonly Finding[] {
  const { config, root } = node;
  const users = parseUsers(readHostFile(root, '/etc/passwd'));
  const gid = launchGroup(node);
  const lists = [
    { key: 'launch-users', wanted: config.launchUsers },
    ...[...config.profiles].map(([profile, { launchUsers }]) => ({
      key: `profile.${profile}.launch-users`,
      wanted: launchUsers,
    })),
  ];
  return judgeUsers(
    lists
      .filter(({ wanted }, index) => index === 0 || wanted !== config.launchUsers)
      .map(({ key, wanted }) => ({ key, wanted, uids: resolveUsers(users, wanted).uids, gid })),
  );
}

/** Every directory on the way to a file, from the root on, then the file; up to the first that is missing. */
async function placesOf(file: string): Promise<readonly PlaceEvidence[]> {
  const places: PlaceEvidence[] = [];
  const names = file.split('/').filter(Boolean);
  for (let count = 0; count <= names.length; count++) {
    const at = `/${names.slice(0, count).join('/')}`;
    try {
      const info = await fs.lstat(at);
      const kind = info.isSymbolicLink()
        ? 'link'
        : info.isDirectory()
          ? 'directory'
          : info.isSocket()
            ? 'socket'
            : 'other';
      places.push({ path: at, kind, uid: info.uid, gid: info.gid, mode: info.mode });
      if (kind !== 'directory') break;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) break;
      throw error;
    }
  }
  return places;
}

async function lookAtState(directory: string): Promise<Finding> {
  const missing = { path: directory, uid: 0, mode: 0, freeBytes: 0, freeInodes: 0, hasInodes: false };
  try {
    const info = await fs.stat(directory);
    const { bavail, bsize, files, ffree } = await fs.statfs(directory);
    return judgeState({
      path: directory,
      fault: await writeFault(directory),
      uid: info.uid,
      mode: info.mode & 0o7777,
      freeBytes: bavail * bsize,
      freeInodes: ffree,
      hasInodes: files > 0,
    });
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return judgeState({ ...missing, fault: error.code });
  }
}

/** A file is written and removed: permissions alone do not tell of a full or broken disk. */
async function writeFault(directory: string): Promise<string | null> {
  const file = path.join(directory, `.check-${randomBytes(4).toString('hex')}`);
  try {
    await fs.writeFile(file, 'x', { flag: 'wx', mode: 0o600, flush: true });
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  } finally {
    await fs.rm(file, { force: true }).catch(() => undefined);
  }
}
