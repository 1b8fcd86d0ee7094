import { parseArgs } from 'node:util';
import { Refusal, refusalCodes } from '../../daemon/errors.ts';
import { encodeFrame } from '../../daemon/launch/encode-frame.ts';
import { FrameDecoder } from '../../daemon/launch/frame-decoder.ts';
import type { LaunchRequest } from '../../daemon/launch/launch-request.ts';
import { libvirtDomain } from '../../daemon/launch/libvirt-domain.ts';
import { ProtocolError, protocolErrorCodes } from '../../daemon/launch/protocol-error.ts';
import { emulatorEnvironment, requestIdentity } from '../../daemon/launch/request-identity.ts';
import type { IdentitySource } from '../../daemon/launch/request-identity.ts';
import { RequestReader } from '../../daemon/launch/request-reader.ts';
import { mutateRequest } from './mutate-request.ts';
import type { MutatedRequest } from './mutate-request.ts';
import { Xorshift } from './xorshift.ts';

/** `node test/fuzz/request-fuzz.ts --runs 100000 --seed 1`: exit 1 when anything but a refusal comes out. */
function main(): void {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
  });
  const counts = fuzz(Number(values.runs), Number(values.seed));
  for (const [outcome, count] of [...counts].sort()) console.log(`${outcome}\t${count}`);
  const missed = protocolErrorCodes.filter((code) => !counts.has(`protocol ${code}`));
  if (missed.length > 0) {
    console.error(`Never hit: ${missed.join(', ')}; give more --runs, or teach the mutator`);
    process.exitCode = 1;
  }
}

function fuzz(runs: number, seed: number): ReadonlyMap<string, number> {
  const random = new Xorshift(seed);
  const counts = new Map<string, number>();
  for (let run = 0; run < runs; run += 1) {
    const mutated = mutateRequest(random);
    try {
      checkDecoder(mutated);
      for (const outcome of outcomesOf(mutated, random)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    } catch (error) {
      throw new Error(`Run ${run} of seed ${seed} failed on ${mutated.bytes.toString('hex')}`, {
        cause: error,
      });
    }
  }
  return counts;
}

/** Any outcome is fine but a foreign error, which is thrown on. */
function outcomesOf(mutated: MutatedRequest, random: Xorshift): readonly string[] {
  const request = attempt(() => read(mutated.chunks));
  if (typeof request === 'string') return [request];
  const source: IdentitySource = random.chance(50) ? 'env' : 'env,argv';
  const paths = {
    libvirtState: '/var/lib/libvirt/qemu',
    libvirtRun: '/run/libvirt/qemu',
    project: ['/srv/disks'],
  };
  const identity = attempt(() => requestIdentity(request, source));
  const domain = attempt(() => libvirtDomain(request, paths));
  if (typeof domain !== 'string') checkProjections(domain.projections);
  checkEnvironment(request);
  return [
    'request',
    typeof identity === 'string' ? identity : 'identity',
    typeof domain === 'string' ? domain : domain.directory === null ? 'no domain' : 'domain',
  ];
}

function read(chunks: readonly Buffer[]): LaunchRequest {
  const reader = new RequestReader();
  let request: LaunchRequest | null = null;
  for (const chunk of chunks) request = reader.push(chunk) ?? request;
  reader.end();
  if (request === null) throw new Error('The reader accepted the end of a stream without a request');
  return request;
}

/** With every type accepted, frames encode to the very bytes they came from, whatever the chunks. */
function checkDecoder({ bytes, chunks }: MutatedRequest): void {
  const decoder = new FrameDecoder();
  let at = 0;
  const outcome = attempt(() => {
    for (const chunk of chunks)
      for (const { type, payload } of decoder.push(chunk)) {
        const encoded = encodeFrame(type, payload);
        if (!bytes.subarray(at, at + encoded.length).equals(encoded))
          throw new Error('A frame was not what was sent');
        at += encoded.length;
      }
    decoder.end();
    return at;
  });
  if (typeof outcome === 'number' && outcome !== bytes.length) throw new Error('Bytes were lost');
}

function checkProjections(projections: readonly string[]): void {
  for (const path of projections)
    if (
      !/^(?:\/var\/lib\/libvirt\/qemu\/(?:domain-|nvram\/)|\/run\/libvirt\/qemu\/|\/srv\/disks$)/.test(
        path,
      ) ||
      /\/\.{0,2}(?:\/|$)/.test(path)
    )
      throw new Error(`A path was projected that must not be: ${path}`);
}

function checkEnvironment(request: LaunchRequest): void {
  if (
    emulatorEnvironment(request.env).some((entry) =>
      /^(?:KUBEVIRT_IO_SECRET|kubevirt\.io\.secret)=/.test(entry.toString('latin1')),
    )
  )
    throw new Error('The secret stayed in the environment');
}

function attempt<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof ProtocolError && protocolErrorCodes.includes(error.code))
      return `protocol ${error.code}`;
    if (error instanceof Refusal && refusalCodes.includes(error.code)) return `refusal ${error.code}`;
    throw error;
  }
}

main();
