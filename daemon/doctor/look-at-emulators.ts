import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { followLinks, type PathStep } from '../host/follow-links.ts';
import {
  listProfileDirectories,
  localName,
  type ProfileDirectory,
} from '../profiles/list-profile-directories.ts';
import type { ExaminedNode } from './examined-node.ts';
import type { Check } from './examination.ts';
import { newFinding, type Finding } from './finding.ts';
import { judgeEmulator } from './judge-emulator.ts';
import { judgeProbeCache } from './judge-probe-cache.ts';
import type { RunningLibvirt } from './libvirt-lookup.ts';

const CACHE = '/var/cache/libvirt/qemu/capabilities';
/** The ctime is among the first lines. */
const HEAD = 4096;

/** What answers libvirt's probes, and what libvirt remembers of the answers. */
export function lookAtEmulators(node: ExaminedNode): readonly Check[] {
  const profiles = (): readonly ProfileDirectory[] =>
    listProfileDirectories(node.root, node.config.emulatorsDirectory);
  return [
    {
      name: 'emulator',
      look: async () => {
        const found = await Promise.all(profiles().map((profile) => lookAtLocal(node, profile)));
        return found.filter((finding) => finding !== null);
      },
    },
    {
      name: 'probe-cache',
      look: async () => {
        const found = await Promise.all(profiles().map((profile) => lookAtCaches(node, profile)));
        return found.flat();
      },
    },
  ];
}

async function lookAtLocal(
  node: ExaminedNode,
  { name, path: directory, stubs }: ProfileDirectory,
): Promise<Finding | null> {
  if (stubs.length === 0) return null;
  const local = `${directory}/${localName}`;
  const way = await findWay(node, local);
  const [steps, fault] = typeof way === 'string' ? [[], way] : [way, 'ENOENT'];
  const last = steps.at(-1);
  return judgeEmulator({
    profile: name,
    local,
    found:
      last === undefined
        ? fault
        : {
            path: last.path,
            isProgram: last.info.isFile() && (last.info.mode & 0o111n) !== 0n,
            isStub: stubs.some(({ info }) => info.dev === last.info.dev && info.ino === last.info.ino),
          },
    changedAt: steps.reduce((latest, { info }) => (info.ctimeNs > latest ? info.ctimeNs : latest), 0n),
    stubs: stubs.map((stub) => ({ path: stub.path, changedAt: stub.info.ctimeNs })),
    candidates: await findCandidates(node.root, path.basename(stubs[0]?.path ?? '')),
    now: BigInt(Date.now()) * 1_000_000n,
  });
}

/** On the node, or else where a libvirt sees it. @returns the name of an errno where it is nowhere */
async function findWay(node: ExaminedNode, local: string): Promise<readonly PathStep[] | string> {
  const { root, config } = node;
  const own = await follow(root, local);
  if (typeof own !== 'string' || !node.mayLookIntoContainers) return own;
  for (const { identity } of await node.libvirts.list()) {
    const there = await follow(`${config.proc}/${identity.pid}/root`, local);
    if (typeof there !== 'string') return there;
  }
  return own;
}

async function follow(root: string, file: string): Promise<readonly PathStep[] | string> {
  try {
    // Where a file system hangs, it does not hang us: what follows asks at once.
    await fs.lstat(`${root}/`);
    return followLinks(root, file);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return error.code;
    throw error;
  }
}

async function findCandidates(root: string, emulator: string): Promise<readonly string[]> {
  const wanted = [`/usr/bin/${emulator}`, '/usr/libexec/qemu-kvm', '/usr/bin/qemu-kvm'];
  const found = await Promise.all(
    wanted.map(async (file) => ((await follow(root, file)) instanceof Array ? [file] : [])),
  );
  return found.flat();
}

async function lookAtCaches(
  node: ExaminedNode,
  { name, stubs }: ProfileDirectory,
): Promise<readonly Finding[]> {
  const libvirts = await node.libvirts.list();
  if (libvirts.length === 0)
    return [newFinding('skipped', 'no libvirt runs on this node', { subject: name })];
  const looks = stubs.flatMap((stub) =>
    libvirts.map(async (libvirt) => {
      const text = describeLibvirt(libvirt);
      if (!(await mayLookInto(node, libvirt)))
        return newFinding(
          'skipped',
          `${text} is in a mount namespace of its own, which the daemon does not look into`,
          {
            subject: name,
            remedy: 'run node-driver check as root on the node',
          },
        );
      return judgeProbeCache({
        profile: name,
        stub: stub.path,
        stubChangedAt: Number(stub.info.ctimeNs / 1_000_000_000n),
        cached: await readCached(`${node.config.proc}/${libvirt.identity.pid}/root`, stub.path),
        libvirt: text,
      });
    }),
  );
  return Promise.all(looks);
}

export function describeLibvirt({ name, identity }: RunningLibvirt): string {
  return `${name} (process ${identity.pid})`;
}

async function mayLookInto(
  { mayLookIntoContainers, config }: ExaminedNode,
  libvirt: RunningLibvirt,
): Promise<boolean> {
  if (mayLookIntoContainers) return true;
  try {
    return (await fs.readlink(`${config.proc}/1/ns/mnt`)) === libvirt.mountNamespace;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

/** libvirt names the file by a hash of the emulator's path. */
async function readCached(root: string, stub: string): Promise<string | null> {
  const file = `${CACHE}/${createHash('sha256').update(stub).digest('hex')}.xml`;
  const steps = await follow(root, file);
  const last = typeof steps === 'string' ? undefined : steps.at(-1);
  if (last?.info.isFile() !== true) return null;
  await using handle = await fs.open(
    root + last.path,
    constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW,
  );
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0);
  return buffer.toString('utf8', 0, bytesRead);
}
