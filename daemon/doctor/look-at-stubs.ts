import fs from 'node:fs/promises';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { followLinks } from '../host/follow-links.ts';
import { mountOptions } from '../host/mount-options.ts';
import { readNodeMounts } from '../host/node-mounts.ts';
import { parseUsers, readHostFile, resolveUsers, type User } from '../host/user-database.ts';
import {
  listProfileDirectories,
  localName,
  type ProfileDirectory,
} from '../profiles/list-profile-directories.ts';
import { shellQuote } from '../shell-quote.ts';
import type { ExaminedNode } from './examined-node.ts';
import type { Check } from './examination.ts';
import { newFinding, type Finding } from './finding.ts';
import { judgeStubFile, type StubEvidence } from './judge-stub-file.ts';
import { launchGroup } from './look-at-places.ts';
import { readStubFacts } from './read-stub-facts.ts';

/** What of the node is alike for all stubs. */
interface StubSurroundings {
  readonly users: readonly User[];
  readonly launchGid: number | null;
  /** As `readNodeMounts` gives them. */
  readonly mounts: string;
}

/** The files that libvirt starts. */
export function lookAtStubs(node: ExaminedNode): readonly Check[] {
  return [{ name: 'stub', look: () => lookAtProfiles(node) }];
}

async function lookAtProfiles(node: ExaminedNode): Promise<readonly Finding[]> {
  const { config, root } = node;
  const directories = listProfileDirectories(root, config.emulatorsDirectory);
  const about = {
    users: parseUsers(readHostFile(root, '/etc/passwd')),
    launchGid: launchGroup(node),
    mounts: readNodeMounts(root, config.proc),
  };
  const findings = await Promise.all(directories.map((directory) => lookAtProfile(node, about, directory)));
  const missing = [...config.profiles.keys()]
    .filter((profile) => !directories.some(({ name }) => name === profile))
    .map((profile) =>
      newFinding('warning', 'the profile has settings, but no stub', {
        subject: profile,
        command: `node-driver install --setuid --profile ${profile} --target ${shellQuote(config.emulatorsDirectory)}`,
      }),
    );
  if (directories.length === 0 && missing.length === 0)
    return [
      newFinding(
        'failure',
        `no stub is installed in ${config.emulatorsDirectory}: no domain can name one as its emulator`,
        {
          command: `install -d -m 755 ${shellQuote(config.emulatorsDirectory)} && node-driver install --setuid --target ${shellQuote(config.emulatorsDirectory)}`,
        },
      ),
    ];
  return [...findings.flat(), ...missing];
}

async function lookAtProfile(
  node: ExaminedNode,
  about: StubSurroundings,
  directory: ProfileDirectory,
): Promise<readonly Finding[]> {
  const { name: profile, path: at } = directory;
  const { root } = node;
  const subject = profile;
  const info = await fs.stat(root + at);
  if (info.uid !== 0 || (info.mode & 0o022) !== 0)
    return [
      newFinding(
        'failure',
        `others than root may write to ${at}: the daemon does not believe what is in it`,
        {
          subject,
          command: `chown root ${shellQuote(at)} && chmod go-w ${shellQuote(at)}`,
        },
      ),
    ];
  const files = (await fs.readdir(root + at))
    .filter((name) => name !== localName && !name.startsWith('.'))
    .sort();
  const found = await Promise.all(files.map((file) => lookAtFile(node, about, profile, `${at}/${file}`)));
  const findings = found.filter((finding) => finding !== null);
  if (findings.length > 0) return findings;
  return [
    newFinding('warning', `there is no stub in ${at}`, {
      subject,
      command: `node-driver install --setuid --profile ${profile} --target ${shellQuote(path.dirname(at))}`,
    }),
  ];
}

async function lookAtFile(
  node: ExaminedNode,
  { users, launchGid, mounts }: StubSurroundings,
  profile: string,
  file: string,
): Promise<Finding | null> {
  const { config, root, machine, version } = node;
  const info = await fs.lstat(root + file);
  if (info.isDirectory()) return null;
  const isLink = info.isSymbolicLink();
  const stub: StubEvidence = {
    profile,
    path: file,
    isLink,
    uid: info.uid,
    gid: info.gid,
    mode: info.mode & 0o7777,
    mountOptions: mountOptions(mounts, file),
    facts: await readStubFacts(root + file, info),
  };
  // A wrapper for `local` may lie beside the stub: it is not named like an emulator.
  if (!isLink && stub.facts.program === null && !path.basename(file).startsWith('qemu-')) return null;
  const settings = config.profiles.get(profile) ?? config;
  const { uids } = resolveUsers(users, settings.launchUsers);
  const gids = users.filter(({ uid }) => uids.has(uid)).map(({ gid }) => gid);
  return judgeStubFile(stub, {
    machine,
    version,
    mode: settings.mode,
    launchSocket: path.join(config.runDirectory, 'launch/launch.sock'),
    launchGid,
    userGids: new Set(launchGid === null ? gids : [launchGid, ...gids]),
    install: await installCommand(root, stub, settings.mode),
  });
}

/** What installs the stub anew, with what is known of it. */
async function installCommand(
  root: string,
  { path: file, mode, gid }: StubEvidence,
  launchMode: string,
): Promise<string> {
  const directory = path.dirname(file);
  const isSetuid = (mode & 0o4000) !== 0 || launchMode === 'exec';
  const local = await fs.readlink(`${root}${directory}/${localName}`).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  });
  const isLocalHere = local !== null && isThere(root, local);
  const words = [
    'node-driver install',
    `--target ${shellQuote(path.dirname(directory))}`,
    `--profile ${path.basename(directory)}`,
    `--emulator ${shellQuote(path.basename(file))}`,
    ...(launchMode === 'exec' ? ['--mode exec'] : []),
    ...(isSetuid ? ['--setuid'] : []),
    ...(gid !== 0 ? [`--group ${gid}`] : []),
    ...(local === null ? [] : [`--local ${shellQuote(local)}`]),
    ...(local === null || isLocalHere ? [] : ['--local-elsewhere']),
  ];
  return words.join(' ');
}

function isThere(root: string, file: string): boolean {
  try {
    followLinks(root, file);
    return true;
  } catch {
    return false;
  }
}
